import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type * as Yaml from 'js-yaml';
import type { z } from 'zod';
import { readText } from '../config/env';
import type { Env } from '../config/env';
import { didYouMean, nearestName } from '../tasks/nearest';
import { fieldsAt, parseOwnFields } from '../tasks/parse-input';
import { POLICY_SETTING, PolicyError } from './policy-error';
import type { PolicyProblem } from './policy-error';
import { policySchema } from './schema';
import type { PolicyRules } from './schema';

/** Maximum size of a policy file, in bytes. */
const MOST_BYTES = 1024 * 1024;

/** The shortest name, in characters, that is taken for a misspelled one next to a known one. */
const LEAST_MISSPELLED = 5;

const MOST_DEPTH = 20;

/** An operator's policy as a process read it. It stays the same until the process ends. */
export interface OperatorPolicy {
  /** The file as it was named. */
  file: string;
  /** SHA-256 of the file's bytes in hex, as `sha256sum` prints it. */
  digest: string;
  rules: PolicyRules;
}

/**
 * Returns the policy of this process, or undefined when HTTP_TASKS_POLICY is not set.
 *
 * @throws PolicyError
 */
export function readPolicy(env: Env): OperatorPolicy | undefined {
  const file = readText(env, POLICY_SETTING);
  return file === undefined ? undefined : readPolicyFile(file);
}

/**
 * Reads a policy file, YAML 1.2 or JSON.
 *
 * @throws PolicyError with every problem, each with its place.
 */
export function readPolicyFile(file: string): OperatorPolicy {
  const bytes = bytesOf(file);
  const value = valueIn(file, bytes);
  const parsed = parseOwnFields(policySchema, value);
  if (!parsed.success) throw new PolicyError(problemsOf(file, parsed.error.issues));
  return { file, digest: createHash('sha256').update(bytes).digest('hex'), rules: parsed.data };
}

/** A service of a process, with its environments. */
type KnownService = { readonly name: string; readonly environments: Readonly<Record<string, unknown>> };

/**
 * Refuses names that would limit nothing because they are misspelled: a service under `environments`, and all
 * environments under `approval`. Other unknown names may belong to other workers.
 *
 * @throws PolicyError
 */
export function refuseMisspelledNames({ file, rules }: OperatorPolicy, services: readonly KnownService[]): void {
  const names = services.map(({ name }) => name);
  const byService = Array.isArray(rules.environments) ? [] : Object.keys(rules.environments ?? {});
  const problems = byService.flatMap((name): PolicyProblem[] => {
    const meant = names.includes(name) ? undefined : nearestName(name, names);
    if (meant === undefined || byService.includes(meant)) return [];
    return [{ file, place: `environments.${name}`, message: `unknown service; did you mean ${meant}?` }];
  });
  const known = [...new Set(services.flatMap(({ environments }) => Object.keys(environments)))];
  const approved = rules.approval?.environments ?? [];
  const knowsNone = !approved.some((name) => known.includes(name));
  for (const [index, name] of approved.entries()) {
    if (known.includes(name)) continue;
    // Next to a known name, a short one or a beginning is more likely an environment of other workers.
    if (!knowsNone && name.length < LEAST_MISSPELLED) continue;
    const begun = knowsNone ? known.find((one) => one.startsWith(name.toLowerCase())) : undefined;
    const meant = nearestName(name, known) ?? begun;
    if (meant !== undefined && !approved.includes(meant))
      problems.push({
        file,
        place: `approval.environments[${index}]`,
        message: `unknown environment; did you mean ${meant}?`,
      });
  }
  if (problems.length > 0) throw new PolicyError(problems);
}

function bytesOf(file: string): Buffer {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    const { code = 'unreadable' } = error as NodeJS.ErrnoException;
    throw new PolicyError([{ file, place: '', message: `the file cannot be read (${code})` }]);
  }
  if (bytes.length > MOST_BYTES)
    throw new PolicyError([{ file, place: '', message: `the file is larger than ${MOST_BYTES} bytes` }]);
  return bytes;
}

function valueIn(file: string, bytes: Buffer): unknown {
  // Most processes have no policy, and a short command is over before a parser is loaded.
  const { CORE_SCHEMA, load, YAMLException } = createRequire(__filename)('js-yaml') as typeof Yaml;
  const text = decoded(file, bytes);
  try {
    return load(text, { schema: CORE_SCHEMA, maxDepth: MOST_DEPTH, maxAliases: 0 });
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const line = error.mark ? `line ${error.mark.line + 1}` : '';
    throw new PolicyError([{ file, place: line, message: `is not valid YAML: ${error.reason}` }]);
  }
}

function decoded(file: string, bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new PolicyError([{ file, place: '', message: 'the file is not UTF-8 text' }]);
  }
}

function problemsOf(
  file: string,
  issues: readonly z.core.$ZodIssue[],
  at: readonly PropertyKey[] = [],
): PolicyProblem[] {
  return issues.flatMap((issue): PolicyProblem[] => {
    const path = [...at, ...issue.path];
    if (issue.code === 'unrecognized_keys') {
      const allowed = fieldsAt(policySchema, path);
      return issue.keys.map((key) => ({
        file,
        place: placeOf([...path, key]),
        message: `unknown key; allowed: ${allowed.join(', ')}${didYouMean(key, allowed)}`,
      }));
    }
    if (issue.code === 'invalid_union') {
      // The intended form is the one with mistakes only further inside.
      const meant = issue.errors.find((errors) => errors.length > 0 && errors.every((one) => one.path.length > 0));
      if (meant) return problemsOf(file, meant, path);
    }
    if (issue.code === 'invalid_key')
      return [{ file, place: placeOf(path), message: 'must be the name of a service, such as plaid' }];
    return [{ file, place: placeOf(path), message: messageOf(issue) }];
  });
}

function messageOf(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'invalid_type') return issue.message;
  if (issue.expected === 'object') return 'must be a mapping of keys to values';
  return issue.expected === 'array' ? 'must be a list' : issue.message;
}

function placeOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (place, step) =>
      typeof step === 'number' ? `${place}[${step}]` : place === '' ? String(step) : `${place}.${String(step)}`,
    '',
  );
}
