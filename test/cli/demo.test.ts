import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OffboardResult } from 'temporal-http-tasks/internal/policy/offboard-result';
import type { Verdict } from '@temporal-http-tasks/cli/internal/demo/verdict';
import { oneDocument, runJson, startCli } from './run-cli';
import type { CliEnv, Refused } from './run-cli';

interface DemoDocument {
  verdict: Verdict;
  problems: unknown[];
  bystanders: number;
  runs: (Pick<OffboardResult, 'status' | 'steps' | 'compensations'> & { user: string })[];
  faults: { endpoint: string; kind: string; planned: number; fired: number }[];
}

/** Settings of a person who uses the real providers; the demo must not use any of them. */
const REAL_LIFE = {
  TEMPORAL_ADDRESS: '127.0.0.1:1',
  TEMPORAL_NAMESPACE: 'production',
  PLAID_ENV: 'production',
  PLAID_SECRET: 'a-real-secret',
  BATCH_API_KEYS: 'not even a list=',
  HTTP_TASKS_TASK_QUEUE: 'elsewhere',
  HTTP_TASKS_LEDGER_URL: 'file:/nowhere/at/all.db',
  HTTP_TASKS_SERVICES: 'nonsense',
};

/** A place of its own for temporary files, and a mark by which its processes are found. */
async function surroundings(): Promise<{ env: CliEnv; temporary: string; mark: string }> {
  const temporary = await mkdtemp(join(tmpdir(), 'http-tasks-demo-test-'));
  const mark = randomUUID();
  // The Temporal server was fetched into the person's cache before the tests began.
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return { env: { TMPDIR: temporary, DEMO_TEST_MARK: mark, XDG_CACHE_HOME: cache }, temporary, mark };
}

/** Processes that were started with this mark in their environment; Linux only, elsewhere none are found. */
function processesWith(mark: string): string[] {
  if (!existsSync('/proc')) return [];
  const hasMark = (pid: string): boolean => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(mark);
    } catch {
      return false;
    }
  };
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && hasMark(name));
}

const NOTES = `
provider: notes
title: Notes
openapi: notes.openapi.json
environments: { live: https://api.notes.example }
ids:
  noteId: { about: The ID of a note. }
tasks:
  getNote: { absent: [404] }
  deleteNote: { effect: irreversible, absent: [404], remedy: None. }
steps:
  - step: note
    kind: once
    act: { task: deleteNote, input: { id: "\${noteId}" } }
    look: { task: getNote, input: { id: "\${noteId}" } }
`;

async function notesFile(text = NOTES): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'http-tasks-notes-'));
  const id = { name: 'id', in: 'path', required: true, schema: { type: 'string' } };
  const responses = { 200: { description: 'OK' }, 404: { description: 'Not found' } };
  const operation = (operationId: string) => ({ operationId, parameters: [id], responses });
  const paths = { '/notes/{id}': { get: operation('getNote'), delete: operation('deleteNote') } };
  const document = { openapi: '3.1.0', info: { title: 'Notes', version: '1' }, paths };
  await writeFile(join(folder, 'notes.openapi.json'), JSON.stringify(document));
  const file = join(folder, 'notes.provider.yaml');
  await writeFile(file, text);
  return file;
}

/** The settings that the demo prints for another terminal. */
function exported(printed: string): CliEnv {
  const lines = [...printed.matchAll(/^\s*export (\w+)=(?:'([^']*)'|(\S*))$/gm)];
  return Object.fromEntries(lines.map(([, name = '', quotedText, plain]) => [name, quotedText ?? plain]));
}

describe('http-tasks demo', () => {
  it('offboards all example users under faults, is judged by the simulators, and leaves nothing behind', async () => {
    const { env, temporary, mark } = await surroundings();
    const { code, stdout, stderr } = await startCli(['demo', '--json'], { ...REAL_LIFE, ...env }).ended;
    const document = oneDocument<DemoDocument>(stdout, stderr);
    expect(document.problems).toEqual([]);
    expect(document.verdict).toEqual({
      ok: true,
      usersGone: 24,
      usersLeft: 0,
      bystandersTouched: 0,
      irreversibleCallsRepeated: 0,
      repeatSafeCallsRepeated: expect.any(Number),
    });
    expect(code).toBe(0);
    expect(document.bystanders).toBeGreaterThan(1_000);
    // Responses were lost after Batch or Plaid had acted, so repeat-safe calls must have been repeated.
    expect(document.verdict.repeatSafeCallsRepeated).toBeGreaterThan(0);
    expect(document.faults.filter(({ planned, fired }) => fired !== planned)).toEqual([]);

    const statusOf = Object.fromEntries(document.runs.map(({ user, status }) => [user, status]));
    expect(Object.entries(statusOf).filter(([, status]) => status !== 'completed')).toEqual([
      ['case-19 foreign item', 'partial'],
      ['case-20 unknown-to-plaid', 'partial'],
      ['case-21 legal-hold', 'held'],
    ]);
    expect(document.runs.filter(({ compensations }) => compensations.length > 0)).toHaveLength(3);

    expect(await readdir(temporary)).toEqual([]);
    expect(processesWith(mark)).toEqual([]);
  });

  it('with --providers runs them next to its own, with a simulator each, to be tried in another terminal', async () => {
    const { env, temporary, mark } = await surroundings();
    const file = join(__dirname, 'demo-two-users.csv');
    const running = startCli(['demo', '--keep', '--users', file, '--providers', await notesFile()], env);
    await running.printed('Ctrl-C stops worker, simulators and server.');
    const settings = exported(running.stderrSoFar());
    expect(settings['HTTP_TASKS_PROVIDERS']).toMatch(/courier\.provider\.yaml,.*notes\.provider\.yaml$/);
    // The file has one environment, which counts as production; its simulator does not.
    const words = ['offboard', '--id', 'notes.noteId=n_1', '--reason', 'OTHER'];
    const tried = await runJson<Pick<OffboardResult, 'status' | 'steps'>>(words, settings);
    expect(tried.document).toMatchObject({
      status: 'completed',
      steps: [{ step: 'notes.note', task: 'notes.deleteNote', outcome: 'removed' }],
    });
    const state = await fetch(`${settings['NOTES_BASE_URL']}/__sim/state`).then((response) => response.json());
    expect(state).toMatchObject({ steps: [{ step: 'notes.note', user: 'n_1', gone: true }] });
    const { code, stdout } = await running.stop('SIGINT');
    expect(stdout).toMatch(/^PASS$/m);
    expect(code).toBe(0);
    expect(await readdir(temporary)).toEqual([]);
    expect(processesWith(mark)).toEqual([]);
  });

  it('refuses a provider file with its problems before anything starts', async () => {
    const { env } = await surroundings();
    const broken = await notesFile(NOTES.replace('task: getNote', 'task: getNotes'));
    const { code, stdout, stderr } = await startCli(['demo', '--json', '--providers', broken], env).ended;
    expect(oneDocument<Refused>(stdout, stderr).error).toMatchObject({
      type: 'Provider',
      problems: [{ file: broken, place: 'steps[0].look.task' }],
    });
    expect(code).toBe(2);
  });

  it('says that the name of its own third provider is taken', async () => {
    const { env } = await surroundings();
    const named = await notesFile(NOTES.replace('provider: notes', 'provider: courier'));
    const { code, stdout, stderr } = await startCli(['demo', '--json', '--providers', named], env).ended;
    expect(oneDocument<Refused>(stdout, stderr).error).toMatchObject({
      field: 'providers',
      message: expect.stringContaining('Rename that of') as string,
    });
    expect(code).toBe(2);
  });

  it('stopped by Ctrl-C says so with exit 1, ends all it started and removes its files', async () => {
    const { env, temporary, mark } = await surroundings();
    const running = startCli(['demo', '--json'], env);
    await running.printed('Offboarding 25 users');
    const { code, stdout } = await running.stop('SIGINT');
    expect({ code, type: oneDocument<Refused>(stdout).error.type }).toEqual({ code: 1, type: 'Interrupted' });
    expect(await readdir(temporary)).toEqual([]);
    expect(processesWith(mark)).toEqual([]);
  });

  it('with --keep prints its verdict and where to look, and keeps everything up until Ctrl-C', async () => {
    const { env, temporary, mark } = await surroundings();
    const file = join(__dirname, 'demo-two-users.csv');
    const running = startCli(['demo', '--keep', '--users', file], env);
    await running.printed('Ctrl-C stops worker, simulators and server.');
    const url = /Temporal UI: (\S+)/.exec(running.stderrSoFar())?.[1];
    expect((await fetch(`${url}/namespaces/default/workflows`)).status).toBe(200);
    const { code, stdout } = await running.stop('SIGINT');
    expect(stdout).toMatch(/^PASS$/m);
    expect(stdout).toContain('2 of 2 users deleted everywhere');
    expect(code).toBe(0);
    expect(await readdir(temporary)).toEqual([]);
    expect(processesWith(mark)).toEqual([]);
  });
});
