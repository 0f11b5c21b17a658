import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { MAIN } from './run-cli';

const ROOT = join(__dirname, '..', '..');

/** The words of every command line of `http-tasks` in the pages, in code blocks and in prose; quoted words are left out. */
function commandLines(): [line: string, words: string[]][] {
  const pages = ['README.md', ...readdirSync(join(ROOT, 'docs')).map((name) => join('docs', name))];
  const text = pages
    .filter((name) => name.endsWith('.md'))
    .map((name) => readFileSync(join(ROOT, name), 'utf8'))
    .join('\n');
  const blocks = [
    ...text.matchAll(/^(?:npx )?http-tasks (.+)$/gm),
    ...text.matchAll(/`(?:npx )?http-tasks ([^`|]+)`/g),
  ];
  return blocks.map(([line, rest = '']) => [
    line,
    rest
      .replace(/\s#\s.*$/, '')
      .replace(/'[^']*'|"[^"]*"/g, 'QUOTED')
      .split(/\s+/),
  ]);
}

interface Documented {
  name: string;
  options: string[];
  commands: Documented[];
}

// Jest cannot import the commands' modules as the published command does.
const PRINT_ALL = `
const { Command } = require('commander');
const { COMMANDS } = require('./program/command-list.js');
const tree = (command) => ({
  name: command.name(),
  options: command.options.map(({ long }) => long),
  commands: command.commands.map(tree),
});
const all = new Command('http-tasks');
Promise.all(COMMANDS.map(async ({ usage, load }) => (await load())(all.command(usage), {}))).then(() =>
  console.log(JSON.stringify(tree(all))),
);
`;

/** All commands, each with its options. */
function program(): Documented {
  const printed = execFileSync(process.execPath, ['--eval', PRINT_ALL], {
    cwd: join(MAIN, '../../dist'),
    encoding: 'utf8',
  });
  return JSON.parse(printed) as Documented;
}

/** What is wrong with the words of a command line: a command or an option that does not exist. */
function problemIn(all: Documented, words: readonly string[]): string | undefined {
  let at = all;
  const options = new Set(['--help', '--version', '--json']);
  for (const word of words) {
    const [flag = ''] = word.replace(/^\[+|\]+$/g, '').split(/[=|\\]/);
    if (flag.startsWith('--')) {
      if (!options.has(flag)) return `${at.name} has no option ${flag}`;
      continue;
    }
    const next = at.commands.find((command) => command.name === word);
    if (next === undefined && at === all && /^[a-z-]+$/.test(word)) return `there is no command ${word}`;
    at = next ?? at;
    for (const option of at.options) options.add(option);
  }
  return undefined;
}

it('the pages name commands and options that exist', () => {
  const all = program();
  const lines = commandLines();
  expect(lines.length).toBeGreaterThan(60);
  expect(problemIn(all, ['swep', '--watch'])).toBe('there is no command swep');
  expect(problemIn(all, ['sweep', '--sorce', 'x'])).toBe('sweep has no option --sorce');
  const wrong = lines.flatMap(([line, words]) => {
    const problem = problemIn(all, words);
    return problem === undefined ? [] : [`${line}: ${problem}`];
  });
  expect(wrong).toEqual([]);
});
