import { Linter } from 'eslint';
import * as plainEnglish from '../../scripts/plain-english.cjs';

/** Returns the words that the rule reports in a file, with their lines. */
function reported(code: string, options: { allow?: string[]; titlesOnly?: boolean } = {}): string[] {
  const messages = new Linter().verify(code, {
    plugins: { language: plainEnglish },
    rules: { 'language/plain-english': ['error', options] },
  });
  return messages.map(({ line, message }) => `${line}: ${/^"([^"]*)"/.exec(message)?.[1] ?? message}`);
}

describe('the lint rule for plain English', () => {
  it.each([
    ['// Nobody waits.', 'Nobody'],
    ['/** Answers the row. */', 'Answers'],
    ['/** Tells how many there are. */', 'Tells'],
    ['/** So many rows fit. */', 'So many'],
    ['/**\n * Calls that are under\n * way.\n */', 'under way'],
    ['throw new Error(`${1} is no sweep.`);', 'is no'],
    ["throw new Error('Mend the key.');", 'Mend'],
    ['throw new Error("It goes on.");', 'goes on'],
  ])('reports %s', (code, word) => {
    expect(reported(code).map((found) => found.replace(/^\d+: /, '').trim())).toEqual([word]);
  });

  it('names the line of the word, and what to write', () => {
    const [message] = new Linter().verify('const a = 1;\n/*\n * It begins\n * anew.\n */\n', {
      plugins: { language: plainEnglish },
      rules: { 'language/plain-english': 'error' },
    });
    expect(message).toMatchObject({ line: 4, column: 4, message: '"anew": write "again".' });
  });

  it.each([
    '// There is no row, and there are no others; it is no longer needed.',
    "answers('anew', everybody.whoever);",
    'sql`select answered as "told at once"`;',
    '// A recommended amendment.',
  ])('accepts %s', (code) => {
    expect(reported(code)).toEqual([]);
  });

  it('accepts the texts that are listed, and nothing around them', () => {
    expect(reported("f('the fault of nobody', 'nobody else');", { allow: ['fault of nobody'] })).toEqual(['1: nobody']);
  });

  it.each([
    ["it('tells how many', () => undefined);", 'tells'],
    ["it.only('tells how many', () => undefined);", 'tells'],
    ["it.each([1])('tells %d', () => undefined);", 'tells'],
    ['describe(`what ${1} tells`, () => undefined);', 'tells'],
    ['test.each`a\n${1}`("tells $a", () => undefined);', 'tells'],
    ["it('reports', () => f('tells it')); // Tells it.", 'Tells'],
  ])('reports titles and comments of tests, but not their data: %s', (code, word) => {
    expect(reported(code, { titlesOnly: true }).map((found) => found.replace(/^\d+: /, ''))).toEqual([word]);
  });
});
