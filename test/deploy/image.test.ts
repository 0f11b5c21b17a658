import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { imageEnv, instructionsOf, ROOT, textOf } from './files';

const instructions = instructionsOf('deploy/Dockerfile');
const packageJson = JSON.parse(textOf('package.json')) as {
  scripts: Record<string, string>;
  engines: { node: string };
};
const cli = JSON.parse(textOf('packages/cli/package.json')) as { bin: Record<string, string> };
const texts = (name: string): string[] =>
  instructions.filter((instruction) => instruction.name === name).map(({ text }) => text);

/** What the first stage takes from the repository. */
function copied(): string[] {
  return texts('COPY')
    .filter((text) => !text.startsWith('--from'))
    .flatMap((text) => text.split(' ').slice(0, -1));
}

it('runs scripts that package.json has, and the command that the package contains', () => {
  const scripts = texts('RUN').flatMap((text) => [...text.matchAll(/npm run (\S+)/g)].map(([, script = '']) => script));
  expect(scripts).toEqual(['build']);
  for (const script of scripts) expect(packageJson.scripts).toHaveProperty(script);
  expect(JSON.parse(texts('ENTRYPOINT')[0] ?? '')).toEqual(['node', `/app/packages/cli/${cli.bin['http-tasks']}`]);
  expect(JSON.parse(texts('CMD')[0] ?? '')).toEqual(['worker']);
});

it('has a Node of the versions that the package takes', () => {
  const [least = 0] = /\d+/.exec(packageJson.engines.node)?.map(Number) ?? [];
  for (const from of texts('FROM')) expect(Number(/^node:(\d+)-/.exec(from)?.[1])).toBeGreaterThanOrEqual(least);
});

it('is built from files that are there and that nothing keeps out of the build, and from nothing else', () => {
  for (const path of copied()) expect({ path, there: existsSync(join(ROOT, path)) }).toEqual({ path, there: true });
  const lines = textOf('deploy/Dockerfile.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  expect(lines[0]).toBe('*');
  const roots = copied().map((path) => `!${path.replace(/^\.\//, '').split('/')[0]}`);
  // What was built here is for this machine.
  expect(lines.slice(1).sort()).toEqual([...new Set(roots), '**/dist'].sort());
});

it('takes along all that the build compiles by', () => {
  const projects = textOf('scripts/build.mjs').match(/tsconfig[.\w]*\.json/g) ?? [];
  expect(projects.length).toBeGreaterThan(0);
  for (const project of projects) expect(copied()).toContain(project);
});

it('runs as a user who is not root, by number, and keeps compilers and sources out of the last stage', () => {
  const last = instructions.slice(instructions.findLastIndex(({ name }) => name === 'FROM'));
  const user = last.filter(({ name }) => name === 'USER').at(-1)?.text ?? '0';
  expect(Number(user.split(':')[0])).toBeGreaterThan(0);
  expect(last.filter(({ name }) => name === 'COPY').every(({ text }) => text.startsWith('--from=build'))).toBe(true);
  expect(last.some(({ text }) => text.includes('/app/src'))).toBe(false);
  expect(texts('RUN').some((text) => /rm -r lab \S+ packages\/\*\/src/.test(text))).toBe(true);
});

it('brings what Node.js compiled in the first stage, of a file that the build makes, for a user of the same number', () => {
  const made = texts('RUN').flatMap((text) => [
    ...text.matchAll(/^NODE_COMPILE_CACHE=(\S+) node --eval "require\('(\S+)'\)"$/g),
  ]);
  expect(made).toHaveLength(1);
  const [[, folder = '', file = ''] = []] = made;
  expect(existsSync(join(ROOT, file))).toBe(true);
  expect(texts('COPY')).toContain(`--from=build ${folder} ${folder}`);
  expect(imageEnv()['NODE_COMPILE_CACHE']).toBe(folder);
  // The user "node" of the official images.
  expect(texts('USER')).toEqual(['node', 'root', '1000:1000']);
});

it('holds no secret in any layer', () => {
  expect(texts('ARG')).toEqual([]);
  expect(Object.keys(imageEnv()).filter((name) => /SECRET|KEY|PASSWORD|TOKEN|CLIENT_ID|URL/.test(name))).toEqual([]);
});

it('asks itself for its health where it listens', () => {
  const [port] = /\d+$/.exec(imageEnv()['HTTP_TASKS_HEALTH_ADDRESS'] ?? '') ?? [];
  expect(texts('HEALTHCHECK')[0]).toContain(`http://127.0.0.1:${port}/readyz`);
  expect(texts('EXPOSE')[0]?.split(' ')).toContain(port);
});
