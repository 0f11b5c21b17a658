import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { ROOT, textOf } from './files';

const FILES = [
  'deploy/Dockerfile',
  'deploy/compose.yaml',
  'deploy/kubernetes/http-tasks.yaml',
  'deploy/kubernetes/migrate.yaml',
];
const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'http-tasks-pin-'));
  mkdirSync(join(folder, 'bin'));
  mkdirSync(join(folder, 'deploy'));
  for (const file of FILES) writeFileSync(join(folder, 'deploy', basename(file)), textOf(file));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Puts a `docker` first on PATH that runs these lines of sh; `$6` is the image that it is asked for. */
function docker(...lines: string[]): void {
  const file = join(folder, 'bin/docker');
  const asked =
    '[ "$1 $2 $3 $4 $5" = "buildx imagetools inspect --format {{json .Manifest}}" ] || { echo "ERROR: unknown command: $*" >&2; exit 9; }';
  writeFileSync(file, ['#!/bin/sh', asked, `echo "$6" >> '${join(folder, 'asked')}'`, ...lines].join('\n'));
  chmodSync(file, 0o755);
}

const found = (digest = DIGEST): string =>
  `printf '{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"%s","size":1}\\n' '${digest}'`;
const asked = (): string[] => readFileSync(join(folder, 'asked'), 'utf8').trim().split('\n');
const texts = (): string[] => FILES.map((file) => readFileSync(join(folder, 'deploy', basename(file)), 'utf8'));

function pin(...args: string[]): { code: number | null; stdout: string; stderr: string } {
  const files = FILES.map((file) => join(folder, 'deploy', basename(file)));
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(ROOT, 'scripts/pin-images.mjs'), ...args, ...files],
    {
      encoding: 'utf8',
      env: { PATH: `${join(folder, 'bin')}:${process.env['PATH']}` },
    },
  );
  return { code: status, stdout, stderr };
}

it('pins every image but the one that is built here, and asks for each once', () => {
  docker(found());
  expect(pin()).toMatchObject({ code: 0, stderr: '' });
  expect(asked().sort()).toEqual([...new Set(asked())].sort());
  const [dockerfile = '', compose = '', kubernetes = '', migrate = ''] = texts();
  expect(dockerfile.match(/^FROM .*$/gm)).toEqual([
    `FROM node:24-bookworm-slim@${DIGEST} AS build`,
    `FROM node:24-bookworm-slim@${DIGEST}`,
  ]);
  expect(dockerfile).toContain(`# syntax=docker/dockerfile:1@${DIGEST}\n`);
  expect(dockerfile).toContain('COPY --from=build /app/dist /app/dist');
  const images = compose.match(/image: .*$/gm) ?? [];
  expect(images.filter((image) => !image.endsWith(`@${DIGEST}`))).toEqual(['image: http-tasks', 'image: http-tasks']);
  for (const manifest of [kubernetes, migrate])
    expect(manifest).toContain(`image: registry.example.com/http-tasks:0.1.0@${DIGEST}\n`);
  // Nothing else was touched.
  expect(texts().map((text) => text.replaceAll(`@${DIGEST}`, ''))).toEqual(FILES.map(textOf));
});

it('changes nothing the second time and asks no registry, unless tags are to be looked up again', () => {
  docker(found());
  pin();
  const once = texts();
  docker('exit 1');
  expect(pin()).toMatchObject({ code: 0, stdout: 'Every image is pinned; nothing changed.\n' });
  expect(texts()).toEqual(once);
  const later = `sha256:${'f'.repeat(64)}`;
  docker(found(later));
  expect(pin('--update')).toMatchObject({ code: 0 });
  expect(texts()).toEqual(once.map((text) => text.replaceAll(DIGEST, later)));
});

it.each([
  [
    'a refused image',
    `if [ "$6" = postgres:17 ]; then echo "ERROR: postgres:17: not found" >&2; exit 1; fi; ${found()}`,
    'postgres:17: ERROR: postgres:17: not found',
  ],
  [
    'no digest',
    `if [ "$6" = postgres:17 ]; then echo '{}'; else ${found()}; fi`,
    'postgres:17: docker printed no sha256 digest.',
  ],
  [
    'a short digest',
    `if [ "$6" = postgres:17 ]; then ${found('sha256:0123')}; else ${found()}; fi`,
    'postgres:17: docker printed no sha256 digest.',
  ],
  [
    'a digest and more',
    `if [ "$6" = postgres:17 ]; then ${found(`${DIGEST} AS x`)}; else ${found()}; fi`,
    'postgres:17: docker printed no sha256 digest.',
  ],
  ['another program’s answer', 'echo Usage: docker', 'postgres:17: docker printed no sha256 digest.'],
])('changes no file at all for %s', (_, script, problem) => {
  docker(script);
  const { code, stderr } = pin();
  expect(code).toBe(1);
  expect(stderr).toContain(problem);
  expect(stderr).toContain('Nothing was changed.');
  expect(texts()).toEqual(FILES.map(textOf));
  expect(readdirSync(join(folder, 'deploy')).sort()).toEqual(FILES.map((file) => basename(file)).sort());
});

it('shows what it would do with --dry-run', () => {
  docker(found());
  const { code, stdout } = pin('--dry-run');
  expect(code).toBe(0);
  expect(stdout).toContain(`postgres:17@${DIGEST}\n`);
  expect(stdout).toContain('would change');
  expect(texts()).toEqual(FILES.map(textOf));
});

it('exits 1 with --check and names what is not pinned, without asking docker', () => {
  docker('exit 1');
  const open = pin('--check');
  expect(open.code).toBe(1);
  expect(open.stderr).toMatch(/not pinned: .*compose\.yaml: postgres:17\n/);
  expect(readdirSync(folder)).not.toContain('asked');
  docker(found());
  pin();
  expect(pin('--check')).toEqual({ code: 0, stdout: '', stderr: '' });
});

it.each([
  ['image: postgres', '"postgres" has no tag'],
  ['image: postgres:17@sha256:1234', 'malformed digest'],
  ['image: ${IMAGE}', 'is not a reference to an image'],
])('refuses a file with %s', (line, problem) => {
  docker(found());
  writeFileSync(join(folder, 'deploy/compose.yaml'), `services:\n  x:\n    ${line}\n`);
  for (const args of [[], ['--check']]) {
    const { code, stderr } = pin(...args);
    expect(code).toBe(1);
    expect(stderr).toContain(problem);
  }
});
