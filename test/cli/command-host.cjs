'use strict';
// A process that has the published command line loaded and runs one command after another in it, each with the
// environment, the output and the exit code that a process of its own would have.
const { Writable } = require('node:stream');
const { programInShell } = require('@temporal-http-tasks/cli/internal/program/io');
const { runCommandLine } = require('@temporal-http-tasks/cli/internal/program/program');

/** Milliseconds between two looks at what a finished command still holds open. */
const LOOK_EVERY_MS = 5;
/** Milliseconds in which a finished command has to close everything. */
const ENDS_WITHIN_MS = 20_000;

class Kept extends Writable {
  /** @type {Buffer[]} */
  #parts = [];

  /**
   * @override
   * @param {Buffer} part
   * @param {BufferEncoding} _
   * @param {() => void} done
   */
  _write(part, _, done) {
    this.#parts.push(part);
    done();
  }

  text() {
    return Buffer.concat(this.#parts).toString('utf8');
  }
}

/** How many resources of each type keep this process alive. */
function heldOpen() {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const type of process.getActiveResourcesInfo()) counts.set(type, (counts.get(type) ?? 0) + 1);
  return counts;
}

/**
 * Resolves once a process of the command's own would end by itself, or else to the types of what is left: a command that
 * leaves a socket or a timer behind must be seen.
 *
 * @param {Map<string, number>} before
 */
async function leftOpen(before) {
  const giveUpAt = performance.now() + ENDS_WITHIN_MS;
  for (;;) {
    const left = [...heldOpen()].filter(([type, count]) => count > (before.get(type) ?? 0)).map(([type]) => type);
    if (left.length === 0 || performance.now() > giveUpAt) return left;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS).unref());
  }
}

/** @param {{ args: string[], env: Record<string, string> }} command */
async function run({ args, env }) {
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
  Object.assign(process.env, env);
  const before = heldOpen();
  const [stdout, stderr] = [new Kept(), new Kept()];
  const code = await runCommandLine(
    args,
    /** @type {any} */ ({
      ...{ env: { ...env }, stdin: process.stdin, stdout, stderr, exitCode: 0 },
      program: programInShell(env),
    }),
  );
  const left = await leftOpen(before);
  if (left.length === 0) process.send?.({ code, stdout: stdout.text(), stderr: stderr.text() });
  else
    process.send?.({
      code: null,
      stdout: stdout.text(),
      stderr: `${stderr.text()}The command left open: ${left.join(', ')}.\n`,
    });
}

// The first look at each opens it.
for (const stream of [process.stdin, process.stdout, process.stderr]) void stream;
process.on('message', (command) => void run(/** @type {any} */ (command)));
