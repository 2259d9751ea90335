/** The language of the page: the first that the browser asks for among those that are offered.
 *
 * A language is offered once it is whole: every word of the pages, by the type of the English ones, and every term of the vocabulary.
 */
export const OFFERED = ["en"] as const;
export type Language = (typeof OFFERED)[number];

/** By the main part of each tag, so that `de-CH` finds `de`; English where nothing fits. */
export function languageOf(wanted: readonly string[]): Language {
  const mains = wanted.map((tag) => tag.toLowerCase().split("-")[0]);
  const found = mains.find((main) => (OFFERED as readonly (string | undefined)[]).includes(main));
  return (found as Language | undefined) ?? "en";
}

export function pageLanguage(): Language {
  return languageOf(navigator.languages);
}
