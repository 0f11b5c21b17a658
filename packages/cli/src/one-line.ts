/** Text that is written over again and again has to stay on one line: what wrapped could not be taken back. */
export function oneLine(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

/** A part of a line; the higher `spare`, the sooner it is left out where there is no room. */
export interface LinePart {
  text: string;
  /** 0 is never left out. */
  spare: number;
}

/** As many parts as a line has room for; the rest of the last one is cut off. */
export function fitParts(parts: readonly LinePart[], width: number): string {
  let kept = parts.filter(({ text }) => text !== '');
  const joined = (): string => kept.map(({ text }) => text).join(' · ');
  while (joined().length > width) {
    const most = Math.max(...kept.map(({ spare }) => spare));
    if (most <= 0) break;
    kept = kept.filter(({ spare }) => spare !== most);
  }
  return oneLine(joined(), width);
}
