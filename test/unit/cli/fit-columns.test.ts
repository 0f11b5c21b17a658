import fc from 'fast-check';
import { fitColumns } from '@temporal-http-tasks/cli/internal/terminal/table';

const total = (widths: readonly number[]): number => widths.reduce((sum, width) => sum + width, widths.length + 1);

it('leaves a table alone that fits', () => {
  expect(fitColumns([['a', 'b c']], 80)).toBeUndefined();
});

it('takes the room from the widest columns, and none from ids', () => {
  const id = 'x'.repeat(30);
  const prose = 'word '.repeat(20).trim();
  const widths = fitColumns([['short', id, prose]], 80);
  expect(widths).toEqual([7, 32, 37]);
});

it('never breaks a word, and fits whenever that is possible', () => {
  const cell = fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { maxLength: 8 }).map((words) => words.join(' '));
  fc.assert(
    fc.property(
      fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 10, max: 120 }),
      (rows, columns) => {
        const widths = fitColumns(rows, columns);
        if (!widths) return;
        const longest = [0, 1, 2].map(
          (index) =>
            Math.max(0, ...rows.flatMap((row) => (row[index] ?? '').split(' ')).map((word) => word.length)) + 2,
        );
        widths.forEach((width, index) => expect(width).toBeGreaterThanOrEqual(longest[index] ?? 0));
        if (total(longest) <= columns) expect(total(widths)).toBeLessThanOrEqual(columns);
      },
    ),
  );
});
