/** Returns the rows of all tables of a page, each with its cells; padding makes no difference. */
export function tableRows(page: string): string[][] {
  return page.split('\n').flatMap((line) => {
    const cells = /^\|(.*)\|$/.exec(line.trim())?.[1];
    return cells === undefined ? [] : [cells.split('|').map((cell) => cell.trim())];
  });
}

/** Returns a page in one line, wherever its lines are wrapped. */
export function unwrapped(page: string): string {
  return page.replace(/\s+/g, ' ');
}
