const NUMBER = new Intl.NumberFormat('en-US');

/** `1,000`. */
export function count(number: number): string {
  return NUMBER.format(number);
}

/** `1 user`, `1,000 users`. */
export function counted(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** `12.3%`; a part that exists is never shown as 0%, and an incomplete one never as 100%. */
export function percent(part: number, whole: number): string {
  if (part === 0 || whole === 0) return '0%';
  if (part === whole) return '100%';
  const tenths = Math.min(999, Math.max(1, Math.round((part / whole) * 1_000)));
  return part / whole < 0.001 ? '<0.1%' : `${tenths / 10}%`;
}

const UNITS: readonly (readonly [ms: number, name: string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
];

/** `3 h 20 min`: the two largest units. Below a second in milliseconds. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const at = UNITS.findIndex(([unit]) => ms >= unit);
  const [unit, name] = UNITS[at] ?? [1_000, 's'];
  const next = UNITS[at + 1];
  const rounded = Math.round(ms / (next?.[0] ?? 100)) * (next?.[0] ?? 100);
  // 59 min and 59.9 s are an hour, not 60 min.
  const above = UNITS[at - 1];
  if (above !== undefined && rounded >= above[0]) return duration(rounded);
  if (next === undefined) return `${Math.round(ms / 100) / 10} s`;
  const [smaller, smallerName] = next;
  const whole = Math.round(ms / smaller);
  const [large, small] = [Math.floor((whole * smaller) / unit), whole % (unit / smaller)];
  return small === 0 ? `${large} ${name}` : `${large} ${name} ${small} ${smallerName}`;
}

/** `2030-01-31 23:59:58 UTC`. */
export function moment(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
}

/** `a`, `a and b`, `a, b and c`. */
export function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

/** Words in camelCase; names with a dot, such as `users.perDay`, are none. */
const CAMEL_CASE = /(?<![\w.])[a-z]+(?:[A-Z][a-z]*)+(?![\w.])/g;

/**
 * Returns a state, outcome or reason in words: `waitingForApproval` is "waiting for approval", `noId` is "no ID". Other
 * texts, such as `Task.NotAllowed users.perDay`, stay as they are.
 */
export function inWords(name: string): string {
  return name.replace(CAMEL_CASE, (word) =>
    word.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).replace(/\bid(s?)\b/g, 'ID$1'),
  );
}
