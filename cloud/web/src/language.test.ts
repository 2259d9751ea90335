import { describe, expect, it } from "vitest";
import vocabularyText from "../../../shared/vocabulary.json?raw";
import { annotationWords, claimWords } from "./annotationWords";
import { deskWords, patientWords } from "./deskWords";
import { languageOf, OFFERED } from "./language";
import { playerWords } from "./playerWords";
import { pullWords, referenceWords } from "./pullWords";
import { words } from "./words";

interface TermWords {
  key: string;
  words: Record<string, string>;
}

const vocabulary = JSON.parse(vocabularyText) as Record<string, unknown>;
const groups = Object.entries(vocabulary).filter(
  (entry): entry is [string, TermWords[]] => Array.isArray(entry[1]) && typeof entry[1][0] === "object",
);

function emptyIn(place: string, said: unknown): string[] {
  if (typeof said === "string") return said.trim() === "" ? [place] : [];
  if (typeof said !== "object" || said === null) return [];
  return Object.entries(said).flatMap(([name, value]) => emptyIn(`${place}.${name}`, value));
}

describe("the language of the page", () => {
  it("is the first offered one that the browser asks for, else English", () => {
    expect(languageOf(["xx", "en-GB"])).toBe("en");
    expect(languageOf(["xx-YY"])).toBe("en");
    expect(languageOf([])).toBe("en");
  });

  it.each(OFFERED)("%s has a word for every term of the vocabulary", (language) => {
    expect(groups.length).toBeGreaterThan(8);
    const missing = groups.flatMap(([group, terms]) =>
      terms.filter((term) => !term.words[language]?.trim()).map((term) => `${group}.${term.key}`),
    );
    expect(missing).toEqual([]);
  });

  it("has no empty word", () => {
    const all = { annotationWords, claimWords, deskWords, patientWords, playerWords, pullWords, referenceWords, words };
    expect(emptyIn("words", all)).toEqual([]);
  });
});
