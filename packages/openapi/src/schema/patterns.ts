import { escapeInvisible } from './invisible';

/** Characters of a pattern. Longer ones are left to the provider. */
const MAX_PATTERN = 500;
/** Steps that a search may take for each character of the text. */
const MAX_STEPS_PER_CHARACTER = 40;
/** Steps that a search may take in all, where their number does not depend on the text. */
const MAX_STEPS = 100_000;

/** `/^a$/i`: with its delimiters a pattern matches nothing. */
const DELIMITED = /^\/\^|(?:^|[^\\])\$\/[a-z]*$/;

/** Escapes of letters that JavaScript has without the flag `u`; any other letter it reads as itself. */
const ESCAPED = /\\(?:[bBcdDfknrsStvwWxu\d]|[^a-zA-Z]|$)/g;

/** Whether a pattern has what other languages read otherwise: `\A`, `\Z`, `\p{L}`, `[[:alpha:]]`. */
function isForeign(pattern: string): boolean {
  return /\\|\[\[?:\^?\w+:\]/.test(pattern.replace(ESCAPED, ''));
}

/**
 * Returns the pattern of a document as JavaScript reads it, or undefined when it is not checked here: because it is
 * written for another language, or because a search could take more steps than in proportion to the text. The author of
 * a document, or of a text, could block a worker otherwise.
 */
export function checkablePattern(pattern: string): RegExp | undefined {
  if (pattern.length > MAX_PATTERN || DELIMITED.test(pattern)) return undefined;
  const source = escapeInvisible(pattern);
  for (const flags of ['u', '']) {
    try {
      const expression = new RegExp(source, flags);
      if (flags === '' && isForeign(source)) return undefined;
      if (!isLinear(source, flags === 'u')) return undefined;
      // Compiled when it is first used, which some expressions are too large for.
      expression.test('');
      return withoutOverflow(expression);
    } catch {
      continue;
    }
  }
  return undefined;
}

/**
 * The engine remembers each place to come back to, and throws when a text has more of them than it has room for, some
 * million characters. Such a text is left to the provider.
 */
function withoutOverflow(expression: RegExp): RegExp {
  expression.test = (text) => {
    try {
      return RegExp.prototype.test.call(expression, text);
    } catch (error) {
      if (error instanceof RangeError || (error as Error).name === 'RangeError') return true;
      throw error;
    }
  };
  return expression;
}

/**
 * What it can cost a backtracking search to match a part of a pattern at one place of a text of n characters, at most:
 * `steps` is the number of steps over all attempts, `ways` the number of attempts that what follows may need. With
 * `grows`, both are to be multiplied by n. `captures` are the groups whose places are remembered at each repetition.
 */
interface Cost {
  steps: number;
  ways: number;
  grows: boolean;
  captures: number;
}

/** A part that is refused whatever is around it. */
const ENDLESS: Cost = { steps: Number.POSITIVE_INFINITY, ways: Number.POSITIVE_INFINITY, grows: true, captures: 0 };
const ONE_CHARACTER: Cost = { steps: 1, ways: 1, grows: false, captures: 0 };
const NOTHING: Cost = { steps: 0, ways: 1, grows: false, captures: 0 };

/**
 * Whether a search takes at most a fixed number of steps for each character of the text. A pattern that is tied to the
 * beginning may repeat one part without limit; any other is searched from every place, so that each attempt has to be
 * bounded. Look-arounds and back references are refused.
 */
function isLinear(pattern: string, unicode: boolean): boolean {
  const reader = new PatternReader(pattern, unicode);
  const { steps, grows } = reader.read();
  if (!reader.isAtEnd) return false;
  if (reader.isTied) return steps <= (grows ? MAX_STEPS_PER_CHARACTER : MAX_STEPS);
  return !grows && steps <= MAX_STEPS_PER_CHARACTER;
}

/** One part after the other: the second is tried again for each way of the first. */
function inSequence(a: Cost, b: Cost): Cost {
  if (a.grows && b.grows) return ENDLESS;
  return {
    steps: a.steps + a.ways * b.steps,
    ways: a.ways * b.ways,
    grows: a.grows || b.grows,
    captures: a.captures + b.captures,
  };
}

/** One part or the other. */
function either(a: Cost, b: Cost): Cost {
  return {
    steps: a.steps + b.steps + 1,
    ways: a.ways + b.ways,
    grows: a.grows || b.grows,
    captures: a.captures + b.captures,
  };
}

/** A part `least` to `most` times: after each time, what follows may be tried. */
function repeated(part: Cost, least: number, most: number): Cost {
  if (most === Number.POSITIVE_INFINITY) {
    // A part that matches in several ways, repeated, is tried in all combinations of them.
    if (part.grows || part.ways > 1 || part.captures > 1) return ENDLESS;
    return { steps: part.steps + 1, ways: 1, grows: true, captures: part.captures };
  }
  if (part.grows && most > 1) return ENDLESS;
  let all: Cost = { ...NOTHING, ways: least === 0 ? 1 : 0 };
  let reached = 1;
  for (let times = 1; times <= most; times += 1) {
    all = { steps: all.steps + reached * part.steps, ways: all.ways, grows: part.grows, captures: part.captures };
    reached *= part.ways;
    if (times >= least) all.ways += reached;
    if (all.steps > MAX_STEPS || all.ways > MAX_STEPS) return ENDLESS;
  }
  return all;
}

/** Reads a pattern that JavaScript takes, and counts its cost. */
class PatternReader {
  readonly #pattern: string;
  readonly #unicode: boolean;
  #at = 0;
  #alternatives = 1;

  constructor(pattern: string, unicode: boolean) {
    this.#pattern = pattern;
    this.#unicode = unicode;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#pattern.length;
  }

  /** Whether it can only match at the beginning of the text; for a pattern that has been read. */
  get isTied(): boolean {
    return this.#pattern.startsWith('^') && this.#alternatives === 1;
  }

  read(): Cost {
    return this.#choice(true);
  }

  #choice(outermost = false): Cost {
    let all = this.#sequence();
    while (this.#takes('|')) {
      if (outermost) this.#alternatives += 1;
      all = either(all, this.#sequence());
    }
    return all;
  }

  #sequence(): Cost {
    let all = NOTHING;
    while (!this.isAtEnd && !this.#sees('|') && !this.#sees(')')) all = inSequence(all, this.#quantified(this.#atom()));
    return all;
  }

  #atom(): Cost {
    if (this.#takes('(')) return this.#group();
    const character = this.#pattern[this.#at];
    this.#at += 1;
    if (character === '[') this.#skipClass();
    if (character === '\\') return this.#escape();
    return ONE_CHARACTER;
  }

  /** Behind its bracket. */
  #group(): Cost {
    const kind = /^\?(?::|<(?![=!])[^>]*>)/.exec(this.#pattern.slice(this.#at, this.#at + MAX_PATTERN))?.[0] ?? '';
    this.#at += kind.length;
    // Look-arounds, and what later versions of JavaScript put there.
    if (this.#takes('?')) return this.#giveUp();
    const inner = this.#choice();
    if (!this.#takes(')')) return this.#giveUp();
    const captures = inner.captures + (kind === '?:' ? 0 : 1);
    return { ...inner, steps: inner.steps + 1, captures };
  }

  /** Behind its backslash. */
  #escape(): Cost {
    const character = this.#pattern[this.#at] ?? '';
    this.#at += 1;
    if (/[1-9k]/.test(character)) return this.#giveUp();
    if (this.#unicode && /[pPu]/.test(character))
      this.#at += /^\{[^}]*\}/.exec(this.#pattern.slice(this.#at))?.[0].length ?? 0;
    return ONE_CHARACTER;
  }

  #skipClass(): void {
    while (!this.isAtEnd && !this.#takes(']')) this.#at += this.#sees('\\') ? 2 : 1;
  }

  #quantified(part: Cost): Cost {
    const [text = '', sign, least = '', comma, most] =
      /^(?:([*+?])|\{(\d+)(?:(,)(\d+)?)?\})\??/.exec(this.#pattern.slice(this.#at)) ?? [];
    this.#at += text.length;
    if (text === '') return part;
    if (sign === '?') return repeated(part, 0, 1);
    if (sign !== undefined) return repeated(part, sign === '+' ? 1 : 0, Number.POSITIVE_INFINITY);
    return repeated(
      part,
      Number(least),
      most !== undefined ? Number(most) : comma === undefined ? Number(least) : Number.POSITIVE_INFINITY,
    );
  }

  #giveUp(): Cost {
    this.#at = this.#pattern.length;
    return ENDLESS;
  }

  #sees(character: string): boolean {
    return this.#pattern[this.#at] === character;
  }

  #takes(character: string): boolean {
    if (!this.#sees(character)) return false;
    this.#at += 1;
    return true;
  }
}
