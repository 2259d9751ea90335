/** A term's word in the language of the page; where that is missing, in English; an unknown key is shown as it is. */
import type { Term } from "../api/desk";
import { pageLanguage } from "../language";

export function termWord(list: readonly Term[], key: string | null, language: string = pageLanguage()): string {
  const term = list.find((one) => one.key === key);
  return term?.words[language] ?? term?.words.en ?? key ?? "";
}
