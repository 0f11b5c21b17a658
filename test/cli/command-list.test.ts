import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { MAIN } from './run-cli';

interface Loaded {
  usage: string;
  summary: string;
  isGroup?: true;
  description: string;
  hasJson: boolean;
  subcommands: number;
}

// Jest cannot import the commands' modules as the published command does.
const LOAD_ALL = `
const { Command } = require('commander');
const { COMMANDS } = require('./program/command-list.js');
const load = async ({ usage, summary, isGroup, load }) => {
  const command = new Command('http-tasks').command(usage).summary(summary);
  (await load())(command, {});
  const hasJson = command.options.some(({ long }) => long === '--json');
  return { usage, summary, isGroup, description: command.description(), hasJson, subcommands: command.commands.length };
};
Promise.all(COMMANDS.map(load)).then((loaded) => console.log(JSON.stringify(loaded)));
`;

// It is shown without loading the commands, so that what it says about them must be what they are.
it('the list of commands says of each what it is once it is loaded', () => {
  const printed = execFileSync(process.execPath, ['--eval', LOAD_ALL], {
    cwd: join(MAIN, '../../dist'),
    encoding: 'utf8',
  });
  const commands = JSON.parse(printed) as Loaded[];
  expect(commands.length).toBeGreaterThan(20);
  for (const { usage, summary, isGroup = false, description, hasJson, subcommands } of commands) {
    expect({ usage, hasJson }).toEqual({ usage, hasJson: !isGroup });
    if (isGroup) expect(subcommands).toBeGreaterThan(0);
    else expect(description.split('\n')[0]).toBe(summary);
  }
});
