import { escapeHtml, html, visible } from '@temporal-http-tasks/evidence/internal/report/markup';
import { count, counted, duration, listed, moment, percent } from '@temporal-http-tasks/evidence/internal/report/words';
import { quoted } from 'temporal-http-tasks/internal/policy/printable';

describe('the words of reports', () => {
  it.each([
    [0, '0 ms'],
    [999, '999 ms'],
    [1_000, '1 s'],
    [1_500, '1.5 s'],
    [59_940, '59.9 s'],
    [60_000, '1 min'],
    [130_000, '2 min 10 s'],
    [3_599_900, '1 h'],
    [12_000_000, '3 h 20 min'],
    [86_400_000, '1 d'],
    [2.5 * 86_400_000, '2 d 12 h'],
  ])('write %d ms as %s', (ms, words) => expect(duration(ms)).toBe(words));

  it.each([
    [0, 10, '0%'],
    [0, 0, '0%'],
    [10, 10, '100%'],
    [1, 1_000_000, '<0.1%'],
    [1, 3, '33.3%'],
    [999_999, 1_000_000, '99.9%'],
  ])('never report %d of %d as nothing or as all when it is neither', (part, whole, words) =>
    expect(percent(part, whole)).toBe(words),
  );

  it('count, list and date', () => {
    expect([count(1_234_567), counted(1, 'user'), counted(2_000, 'user'), counted(0, 'box', 'boxes')]).toEqual([
      '1,234,567',
      '1 user',
      '2,000 users',
      '0 boxes',
    ]);
    expect([listed([]), listed(['a']), listed(['a', 'b']), listed(['a', 'b', 'c'])]).toEqual([
      '',
      'a',
      'a and b',
      'a, b and c',
    ]);
    expect(moment('2030-01-31T23:59:58.999Z')).toBe('2030-01-31 23:59:58 UTC');
  });

  it('quote an id for a shell only where that is needed', () => {
    expect([quoted('sweep-20300131-a1'), quoted(`it's "here" $(now)`), quoted('')]).toEqual([
      'sweep-20300131-a1',
      `'it'\\''s "here" $(now)'`,
      "''",
    ]);
  });
});

describe('markup', () => {
  it('escapes whatever is inserted, unless it is markup itself', () => {
    const cell = (text: string) => html`<td title="${text}">${text}</td>`;
    expect(html`<tr>${['<b>', `"'&`].map(cell)}${undefined}${false}${7}</tr>`.text).toBe(
      '<tr><td title="&lt;b&gt;">&lt;b&gt;</td><td title="&quot;&#39;&amp;">&quot;&#39;&amp;</td>7</tr>',
    );
  });

  it('makes visible what would hide, or turn, the text around it', () => {
    expect(visible('a\u0000b\u202ec\u2066d\u009be\ud800f')).toBe('a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf');
    expect(escapeHtml('tab\tline\n🧨 ’')).toBe('tab\tline\n🧨 ’');
  });
});
