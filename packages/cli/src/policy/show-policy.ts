import { PolicyError } from 'temporal-http-tasks/internal/operator-policy/policy-error';
import { readPolicy, readPolicyFile } from 'temporal-http-tasks/internal/operator-policy/read-policy';
import type { OperatorPolicy } from 'temporal-http-tasks/internal/operator-policy/read-policy';
import type { CommonOptions } from '../program/command';
import { Refusal } from '../program/errors';
import type { ExitCode, Io } from '../program/io';
import { print, printJson, say } from '../terminal/output';
import { printTable } from '../terminal/table';

/** Shows the policy that HTTP_TASKS_POLICY names. */
export function showPolicy(io: Io, { json }: CommonOptions): ExitCode {
  const policy = readPolicy(io.env);
  if (json) printJson(io, policy ? { set: true, ...policy } : { set: false });
  else if (policy) printPolicy(io, policy);
  else print(io, 'HTTP_TASKS_POLICY is not set, so no policy applies.');
  return 0;
}

/** Checks a policy file, and prints its rules or what is wrong with it. */
export function checkPolicy(io: Io, file: string, { json }: CommonOptions): ExitCode {
  if (file === '') throw new Refusal('Usage', 'Name a policy file.', 'file');
  try {
    const policy = readPolicyFile(file);
    if (json) printJson(io, { ok: true, ...policy });
    else {
      print(io, `${file} is valid.`);
      printPolicy(io, policy);
    }
    return 0;
  } catch (error) {
    if (json || !(error instanceof PolicyError)) throw error;
    const { problems } = error;
    printTable(
      io,
      ['Place', 'Problem'],
      problems.map(({ place, message }) => [place, message]),
    );
    say(io, `${file} has ${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}.`);
    return 2;
  }
}

function printPolicy(io: Io, { file, digest, rules }: OperatorPolicy): void {
  print(io, `File: ${file}`);
  print(io, `SHA-256: ${digest}`);
  const rows = Object.entries(rules).flatMap(([name, value]) =>
    name === 'version' || value === undefined ? [] : [[name, wordsOf(value)]],
  );
  if (rows.length === 0) print(io, 'It has no rules and limits nothing.');
  else printTable(io, ['Rule', 'Allowed'], rows);
}

/** Returns a rule's value as text: lists with commas, mappings with a line for each key. */
function wordsOf(value: unknown): string {
  if (Array.isArray(value)) return value.map((entry) => inLine(entry)).join(', ') || 'none';
  if (typeof value !== 'object' || value === null)
    return value === true ? 'yes' : value === false ? 'no' : String(value);
  return Object.entries(value)
    .map(([key, inner]) => `${key}: ${wordsOf(inner)}`)
    .join('\n');
}

function inLine(entry: unknown): string {
  return typeof entry === 'object' && entry !== null ? Object.values(entry).join(' ') : String(entry);
}
