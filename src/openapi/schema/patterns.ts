/** Longer patterns are left to the provider. */
const MAX_PATTERN = 500;

/**
 * A pattern of a document as JavaScript reads it, or undefined when it should not be checked here: because it is written
 * for another language, or because a repetition within a repetition could take for ever on a text made for that.
 */
export function checkablePattern(pattern: string): RegExp | undefined {
  if (pattern.length > MAX_PATTERN || repeatsRepetition(pattern)) return undefined;
  for (const flags of ['u', '']) {
    try {
      return new RegExp(pattern, flags);
    } catch {
      continue;
    }
  }
  return undefined;
}

/** Whether `+`, `*` or `{n,}` stands behind a group that holds one of them, or a choice, which can match in many ways. */
function repeatsRepetition(pattern: string): boolean {
  const groups: boolean[] = [];
  let inClass = false;
  for (let at = 0; at < pattern.length; at += 1) {
    const character = pattern[at];
    if (character === '\\') at += 1;
    else if (inClass) inClass = character !== ']';
    else if (character === '[') inClass = true;
    else if (character === '(') groups.push(false);
    else if (character === ')') {
      const repeats = groups.pop() ?? false;
      const isRepeated = isUnlimited(pattern, at + 1);
      if (repeats && isRepeated) return true;
      if ((repeats || isRepeated) && groups.length > 0) groups[groups.length - 1] = true;
    } else if ((character === '|' || isUnlimited(pattern, at)) && groups.length > 0) groups[groups.length - 1] = true;
  }
  return false;
}

function isUnlimited(pattern: string, at: number): boolean {
  return pattern[at] === '+' || pattern[at] === '*' || /^\{\d*,\d{0,}\}/.test(pattern.slice(at, at + 12));
}
