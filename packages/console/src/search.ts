import MiniSearch from 'minisearch';
import type { QueryCombination } from 'minisearch';

/** The searchable parts of tasks and of operations that may become tasks. */
export interface Searchable {
  name: string;
  summary: string;
  path: string;
  tags: readonly string[];
  description: string;
}

/** Maximum length of a searched description, in characters: longer ones do not improve results. */
const MAX_DESCRIPTION = 2_000;
/** Maximum length of a searched word, in characters. */
const LONGEST_WORD = 40;

/**
 * Finds tasks by words of name, summary, path, tags and description, best first. Prefixes and typos match; all words
 * have to match, unless no task has all of them. The index is built once: a search takes milliseconds.
 */
export class TaskSearch<T extends Searchable> {
  readonly #entries: readonly T[];
  readonly #index: MiniSearch;

  constructor(entries: readonly T[]) {
    this.#entries = entries;
    this.#index = new MiniSearch({
      fields: ['name', 'summary', 'path', 'tags', 'description'],
      tokenize: wordsIn,
      processTerm: (term) => term.toLowerCase(),
      searchOptions: {
        boost: { name: 4, summary: 3, path: 2, tags: 2 },
        prefix: (term) => term.length > 1,
        fuzzy: (term) => (term.length > 3 ? 0.25 : false),
        maxFuzzy: 2,
      },
    });
    this.#index.addAll(
      entries.map(({ name, summary, path, tags, description }, id) => ({
        id,
        name,
        summary,
        path,
        tags: tags.join(' '),
        description: description.slice(0, MAX_DESCRIPTION),
      })),
    );
  }

  /** Returns all entries, in their order, for an empty query. */
  find(query: string): T[] {
    if (query.trim() === '') return [...this.#entries];
    const queries = wordsIn(query).map(orSwapped);
    // They are already words, and a name is not split again.
    const words = { tokenize: (word: string) => [word] };
    const all = this.#index.search({ combineWith: 'AND', queries }, words);
    const found = all.length > 0 ? all : this.#index.search({ combineWith: 'OR', queries }, words);
    return found.flatMap(({ id }) => this.#entries[id as number] ?? []);
  }
}

/** Two swapped letters count as two mistakes, too many for a short word; they are the most common typo. */
function orSwapped(word: string): QueryCombination {
  const isWord = word.length > 3 && word.length <= LONGEST_WORD;
  const swapped = Array.from(
    { length: isWord ? word.length - 1 : 0 },
    (_, at) => word.slice(0, at) + (word[at + 1] ?? '') + (word[at] ?? '') + word.slice(at + 2),
  );
  const others = swapped.filter((other) => other !== word);
  return { combineWith: 'OR', queries: [word, { combineWith: 'OR', fuzzy: false, prefix: false, queries: others }] };
}

/** `plaid.userItemsRemove` is found as a whole and by each of its words. */
function wordsIn(text: string): string[] {
  return text.split(/[^\p{L}\p{N}_.-]+/u).flatMap((word) => {
    const parts = word
      .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
      .split(/[^\p{L}\p{N}]+/u)
      .filter(Boolean);
    return parts.length > 1
      ? [word.replace(/^[^\p{L}\p{N}]+|(?<![^\p{L}\p{N}])[^\p{L}\p{N}]+$/gu, ''), ...parts]
      : parts;
  });
}
