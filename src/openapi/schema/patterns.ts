/** Longer patterns are left to the provider. */
const MAX_PATTERN = 500;
/** In so many ways may a pattern be followed from one place of a text. */
const MAX_WAYS = 64;

/**
 * A pattern of a document as JavaScript reads it, or undefined when it should not be checked here: because it is written
 * for another language, or because a search for it could take longer than in proportion to the text. Whoever wrote the
 * document, or gives the text, could keep a worker busy for ever otherwise.
 */
export function checkablePattern(pattern: string): RegExp | undefined {
  if (pattern.length > MAX_PATTERN || !isSearchedInLine(pattern)) return undefined;
  for (const flags of ['u', '']) {
    try {
      return new RegExp(pattern, flags);
    } catch {
      continue;
    }
  }
  return undefined;
}

/** A group of the pattern while it is read, or the whole. */
interface Group {
  /** Whether it can match one text in several ways. */
  hasWays: boolean;
  alternatives: number;
}

/**
 * Whether the search takes time in proportion to the text, by rules that refuse too much rather than too little: no
 * repetition of what can match in several ways, one repetition at most, and only from the text's beginning.
 */
function isSearchedInLine(pattern: string): boolean {
  const whole: Group = { hasWays: false, alternatives: 1 };
  const groups: Group[] = [whole];
  let inClass = false;
  let repetitions = 0;
  let ways = 1;
  for (let at = 0; at < pattern.length; at += 1) {
    const character = pattern[at];
    const group = groups.at(-1) ?? whole;
    if (character === '\\') at += 1;
    else if (inClass) inClass = character !== ']';
    else if (character === '[') inClass = true;
    else if (character === '(') {
      groups.push({ hasWays: false, alternatives: 1 });
      // What follows says what kind of group it is; its `?` makes nothing optional.
      if (pattern[at + 1] === '?') at += 1;
    } else if (character === ')') {
      const { hasWays, alternatives } = groups.length > 1 ? (groups.pop() ?? whole) : whole;
      ways *= alternatives;
      if (hasWays && /^(?:[*+?]|\{(?!1\}))/.test(pattern.slice(at + 1, at + 4))) return false;
      if (hasWays) (groups.at(-1) ?? whole).hasWays = true;
    } else if (character === '|') {
      group.alternatives += 1;
      group.hasWays = true;
    } else if (isRepetition(pattern, at)) {
      repetitions += 1;
      group.hasWays = true;
      // Behind a repetition it says how eager that is.
      if (pattern[pattern.indexOf('}', at)] === '}' && character === '{') at = pattern.indexOf('}', at);
      if (pattern[at + 1] === '?') at += 1;
    } else if (character === '?') {
      ways *= 2;
      group.hasWays = true;
    }
  }
  const fromBeginning = pattern.startsWith('^') && whole.alternatives === 1;
  return ways * whole.alternatives <= MAX_WAYS && repetitions <= (fromBeginning ? 1 : 0);
}

/** `+`, `*`, or braces with a comma. */
function isRepetition(pattern: string, at: number): boolean {
  return pattern[at] === '+' || pattern[at] === '*' || /^\{\d*,\d*\}/.test(pattern.slice(at, at + 12));
}
