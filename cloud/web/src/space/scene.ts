/**
 * The points of one depth picture before a camera that can be turned. In: rays of the lens, pictures in mm. Out: what the canvas
 * shows, and which pixel lies under the pointer. The position of each point is computed on the graphics card from its depth.
 */
import {
  BufferAttribute,
  BufferGeometry,
  DataTexture,
  DynamicDrawUsage,
  Line,
  LineBasicMaterial,
  NearestFilter,
  PerspectiveCamera,
  Points,
  PointsMaterial,
  RGBAFormat,
  Scene,
  ShaderMaterial,
  Vector3,
  WebGLRenderer,
} from "three";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";
import type { DepthPicture } from "./depthFrames";
import { type Lens, type Point, pointOf, raysOf, surfaceMm } from "./lens";
import { depthPalette, FARTHEST_MM, NEAREST_MM } from "./palette";

/** A pick takes the nearest point to the viewer within so many pixels of the pointer. */
const PICK_PX = 7;
/** What the view is turned about where the middle of the picture has no reading. */
const USUAL_MM = 2_000;
const VERTEX = `
  attribute vec2 ray;
  attribute float mm;
  uniform float size;
  uniform sampler2D palette;
  flat varying vec3 colour;
  void main() {
    float share = clamp((${FARTHEST_MM}.0 - mm) / ${FARTHEST_MM - NEAREST_MM}.0, 0.0, 1.0);
    colour = texture2D(palette, vec2(share * 0.99609375 + 0.001953125, 0.5)).rgb;
    vec4 seen = modelViewMatrix * vec4(ray.x * mm, -ray.y * mm, -mm, 1.0);
    gl_Position = mm > 0.0 && ray.x == ray.x ? projectionMatrix * seen : vec4(2.0, 2.0, 2.0, 1.0);
    gl_PointSize = clamp(size * mm / max(1.0, -seen.z), 1.0, 24.0);
  }`;
const FRAGMENT = `
  flat varying vec3 colour;
  void main() { gl_FragColor = vec4(colour, 1.0); }`;
/** While the view is turned, about so many points are drawn. */
const TURNED_POINTS = 30_000;
/** A browser that draws without a graphics card gets fewer of them, on a canvas of half the width and height, while anything moves. */
const SOFTWARE_POINTS = 9_000;
const SOFTWARE_RATIO = 0.5;
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

/** What of a full picture is drawn: every step-th pixel of every step-th row, on a canvas of this share of its size. */
export interface Thinning {
  step: number;
  resolution: number;
}

export class SpaceScene {
  private readonly renderer: WebGLRenderer;
  private readonly scene = new Scene();
  private readonly camera: PerspectiveCamera;
  private readonly orbit: OrbitControls;
  private readonly material: ShaderMaterial;
  private readonly points: Points;
  private readonly marks: Points;
  private readonly line: Line;
  private readonly rays = new Map<number, Float32Array>();
  /** What was asked for; of it every `times`-th pixel of every `times`-th row is drawn. */
  private wanted: DepthPicture | null = null;
  private times = 1;
  /** Which points the geometry holds: picture step times `times`, 0 before the first. */
  private step = 0;
  private turned = false;
  private playing = false;
  private width = 1;
  private height = 1;
  private asked = 0;
  /** Drawn without a graphics card. */
  readonly software: boolean;

  /** Throws when the browser has no WebGL 2. */
  constructor(
    canvas: HTMLCanvasElement,
    private readonly lens: Lens,
    private readonly thinned: (thinning: Thinning) => void,
  ) {
    this.renderer = new WebGLRenderer({ canvas, antialias: false, powerPreference: "low-power" });
    this.software = isSoftware(this.renderer.getContext());
    this.camera = new PerspectiveCamera(60, 1, 50, 20_000);
    this.orbit = new OrbitControls(this.camera, canvas);
    this.orbit.rotateSpeed = 0.5;
    this.orbit.addEventListener("change", () => this.draw());
    this.orbit.addEventListener("start", () => this.turn(true));
    this.orbit.addEventListener("end", () => this.turn(false));
    const palette = new DataTexture(depthPalette(), 256, 1, RGBAFormat);
    palette.magFilter = palette.minFilter = NearestFilter;
    palette.needsUpdate = true;
    const uniforms = { size: { value: 1 }, palette: { value: palette } };
    this.material = new ShaderMaterial({ uniforms, vertexShader: VERTEX, fragmentShader: FRAGMENT });
    this.points = new Points(new BufferGeometry(), this.material);
    const marked = new BufferGeometry().setAttribute("position", new BufferAttribute(new Float32Array(6), 3));
    this.marks = new Points(
      marked,
      new PointsMaterial({ color: 0xff5fa2, size: 10, sizeAttenuation: false, depthTest: false }),
    );
    this.line = new Line(marked, new LineBasicMaterial({ color: 0xff5fa2, depthTest: false }));
    for (const each of [this.points, this.marks, this.line]) {
      each.frustumCulled = false;
      this.scene.add(each);
    }
    this.mark([]);
    this.fromCamera();
  }

  /** Looks from where the depth camera hangs, with its own angle. */
  fromCamera(): void {
    this.camera.position.set(0, 0, 0);
    this.orbit.target.set(0, 0, -(this.wanted ? middleMm(this.wanted) : USUAL_MM));
    this.orbit.update();
    this.frame();
  }

  resize(width: number, height: number): void {
    [this.width, this.height] = [width, height];
    this.renderer.setPixelRatio(this.software && this.moves ? SOFTWARE_RATIO : 1);
    this.renderer.setSize(width, height, false);
    this.camera.aspect = width / Math.max(1, height);
    this.frame();
    this.draw();
  }

  show(picture: DepthPicture): void {
    const first = this.wanted === null;
    this.wanted = picture;
    if (first) this.fromCamera();
    this.fill(picture);
  }

  /** While the clip plays, a browser without a graphics card draws less. */
  play(playing: boolean): void {
    if (playing === this.playing) return;
    const moved = this.moves;
    this.playing = playing;
    this.adapt(moved);
  }

  private turn(turned: boolean): void {
    const moved = this.moves;
    this.turned = turned;
    this.adapt(moved);
  }

  private get moves(): boolean {
    return this.turned || this.playing;
  }

  private adapt(moved: boolean): void {
    if (this.software && moved !== this.moves) this.resize(this.width, this.height);
    if (this.wanted) this.show(this.wanted);
  }

  /** Writes what is drawn of the picture into the one array that the graphics card reads; nothing is made anew a frame. */
  private fill(picture: DepthPicture): void {
    this.times = this.timesFor(picture);
    const step = picture.step * this.times;
    if (this.step !== step) this.refill(picture, step);
    const attribute = this.points.geometry.getAttribute("mm") as BufferAttribute;
    const mm = attribute.array as Uint16Array;
    if (this.times === 1) mm.set(picture.mm);
    else thin(picture, this.times, mm);
    attribute.needsUpdate = true;
    this.thinned({ step, resolution: this.renderer.getPixelRatio() });
    this.draw();
  }

  private timesFor({ mm }: DepthPicture): number {
    if (!this.turned && !(this.software && this.playing)) return 1;
    const points = this.software ? SOFTWARE_POINTS : TURNED_POINTS;
    return Math.max(1, Math.round(Math.sqrt(mm.length / points)));
  }

  /** The point under the pointer, in canvas pixels, that is nearest to the viewer; undefined where there is none. */
  pick(x: number, y: number): { pixel: [number, number]; point: Point } | undefined {
    const picture = this.wanted;
    if (!picture) return undefined;
    const rays = this.raysFor(picture.step);
    const { width, height } = this;
    const matrix = this.camera.projectionMatrix.clone().multiply(this.camera.matrixWorldInverse);
    const place = new Vector3();
    let best = -1;
    let nearest = Number.POSITIVE_INFINITY;
    for (let index = 0; index < picture.mm.length; index++) {
      const point = pointOf(rays, picture.mm, index);
      if (!point) continue;
      place.set(point[0], -point[1], -point[2]).applyMatrix4(matrix);
      const away = Math.hypot(((place.x + 1) / 2) * width - x, ((1 - place.y) / 2) * height - y);
      // nearer to the viewer wins; among points of one surface the one closest to the pointer
      const cost = place.z + away * 1e-4;
      if (away > PICK_PX || place.z > 1 || cost >= nearest) continue;
      nearest = cost;
      best = index;
    }
    if (best < 0) return undefined;
    const mm = surfaceMm(picture.mm, picture.width, best);
    const [x1, y1] = [rays[2 * best] as number, rays[2 * best + 1] as number];
    const [row, column] = [Math.floor(best / picture.width), best % picture.width];
    return { pixel: [column * picture.step, row * picture.step], point: [x1 * mm, y1 * mm, mm] };
  }

  /** Shows the picked points, and the line between two. */
  mark(points: readonly Point[]): void {
    const places = this.marks.geometry.getAttribute("position") as BufferAttribute;
    for (const [index, [x, y, z]] of points.entries()) places.setXYZ(index, x, -y, -z);
    places.needsUpdate = true;
    this.marks.geometry.setDrawRange(0, points.length);
    this.line.visible = points.length === 2;
    this.draw();
  }

  close(): void {
    cancelAnimationFrame(this.asked);
    this.orbit.dispose();
    this.points.geometry.dispose();
    this.marks.geometry.dispose();
    this.material.dispose();
    this.renderer.dispose();
  }

  private raysFor(step: number): Float32Array {
    const known = this.rays.get(step) ?? raysOf(this.lens, step);
    this.rays.set(step, known);
    return known;
  }

  private refill(picture: DepthPicture, step: number): void {
    this.points.geometry.dispose();
    const geometry = new BufferGeometry();
    const count = Math.ceil(picture.width / this.times) * Math.ceil(picture.height / this.times);
    geometry.setAttribute("ray", new BufferAttribute(this.raysFor(step), 2));
    geometry.setAttribute("mm", new BufferAttribute(new Uint16Array(count), 1).setUsage(DynamicDrawUsage));
    geometry.setDrawRange(0, count);
    this.points.geometry = geometry;
    this.step = step;
    this.frame();
  }

  /** The angle of view, and the size of a point that just closes the gaps to its neighbours. */
  private frame(): void {
    const half = Math.max(this.lens.height / this.lens.fy, this.lens.width / this.lens.fx / this.camera.aspect) / 2;
    this.camera.fov = (2 * Math.atan(half) * 180) / Math.PI;
    this.camera.updateProjectionMatrix();
    const pixels = this.renderer.domElement.height / (2 * half);
    (this.material.uniforms.size as { value: number }).value = ((this.step || 2) / this.lens.fy) * pixels * 1.15;
  }

  /** One drawing a screen refresh, however often it is asked for. */
  private draw(): void {
    if (this.asked) return;
    this.asked = requestAnimationFrame(() => {
      this.asked = 0;
      this.renderer.render(this.scene, this.camera);
      const canvas = this.renderer.domElement;
      canvas.dataset.drawn = String(Number(canvas.dataset.drawn ?? 0) + 1);
      if (this.wanted) canvas.dataset.frame = String(this.wanted.frame);
    });
  }
}

/** How far what stands in the middle of the picture is, mm: the view is turned about it. */
function middleMm({ mm, width, height }: DepthPicture): number {
  return surfaceMm(mm, width, Math.floor(height / 2) * width + Math.floor(width / 2)) || USUAL_MM;
}

/** Every `times`-th pixel of every `times`-th row, into an array of that length. */
function thin(picture: DepthPicture, times: number, into: Uint16Array): void {
  let at = 0;
  for (let row = 0; row < picture.height; row += times) {
    const start = row * picture.width;
    for (let column = 0; column < picture.width; column += times) into[at++] = picture.mm[start + column] as number;
  }
}

function isSoftware(gl: WebGLRenderingContext | WebGL2RenderingContext): boolean {
  const named = gl.getExtension("WEBGL_debug_renderer_info");
  return SOFTWARE.test(String(gl.getParameter(named ? named.UNMASKED_RENDERER_WEBGL : gl.RENDERER)));
}
