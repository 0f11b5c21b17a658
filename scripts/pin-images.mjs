// Pins the images of the deployment files by digest: `postgres:17` becomes `postgres:17@sha256:…`.
//   node scripts/pin-images.mjs [--check | --dry-run] [--update] [FILE…]
// --check    changes nothing and asks no registry; exits 1 and lists the images that are not pinned, if any
// --dry-run  looks the digests up and prints what would change
// --update   also looks up tags that are pinned already
// Without files: all deployment files. Digests come from `docker buildx imagetools inspect`, which asks the registry and
// needs no daemon. All or nothing: when one digest cannot be had, no file is changed, and the exit code is 1.
import { spawn } from 'node:child_process';
import { readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from './commands.mjs';

/** How long the registry may take for one image, in milliseconds. */
const LIMIT_MS = 60_000;
/** What this repository builds itself: it has no digest in a registry before it is pushed. */
const BUILT_HERE = 'http-tasks';
const DIGEST = /^sha256:[0-9a-f]{64}$/;
/** Host and path, then a tag, then a digest. A colon before the last slash is a port. */
const REFERENCE = /^((?:[a-z0-9][\w.-]*(?::\d+)?\/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?::(\w[\w.-]{0,127}))?(?:@(\S+))?$/;

/** A mistake in the command line or in a file; its message is all that is printed. */
class Refusal extends Error {}

async function main() {
  const { values, positionals } = parseArgs({
    options: { check: { type: 'boolean' }, 'dry-run': { type: 'boolean' }, update: { type: 'boolean' } },
    allowPositionals: true,
  });
  if (values.check && (values['dry-run'] || values.update))
    throw new Refusal('--check takes neither --dry-run nor --update.');
  const paths = positionals.length > 0 ? positionals.map((path) => resolve(path)) : await deploymentFiles();
  const files = await Promise.all(paths.map(readImages));
  if (values.check) return check(files);
  const images = files
    .flatMap(({ images }) => images)
    .filter(({ tag, digest }) => tag !== undefined && (digest === undefined || values.update));
  const digests = await lookUp([...new Set(images.map(({ name, tag }) => `${name}:${tag}`))]);
  const changed = files
    .map((file) => ({ ...file, after: pinned(file, digests) }))
    .filter(({ text, after }) => text !== after);
  for (const [image, digest] of digests) console.log(`${image}@${digest}`);
  if (!values['dry-run']) await replaceAll(changed);
  for (const { path } of changed) console.log(`${values['dry-run'] ? 'would change' : 'changed'} ${path}`);
  if (changed.length === 0) console.log('Every image is pinned; nothing changed.');
  return 0;
}

async function deploymentFiles() {
  const manifests = (await readdir(join(ROOT, 'deploy/kubernetes'))).filter((name) => /\.ya?ml$/.test(name)).sort();
  return ['deploy/Dockerfile', 'deploy/compose.yaml', ...manifests.map((name) => `deploy/kubernetes/${name}`)].map(
    (path) => join(ROOT, path),
  );
}

/** A file and its references to images, each with the place of its text. */
async function readImages(path) {
  const text = await readFile(path, 'utf8').catch((error) => {
    throw new Refusal(`${path} cannot be read (${error.code}).`);
  });
  const shown = relative(process.cwd(), path) || path;
  const places = /\.ya?ml$/.test(path) ? inYaml(text) : inDockerfile(text);
  const images = places
    .filter(({ reference }) => reference !== BUILT_HERE)
    .map(({ reference, start }) => {
      const [, name, tag, digest] = REFERENCE.exec(reference) ?? [];
      if (name === undefined) throw new Refusal(`${shown}: "${reference}" is not a reference to an image.`);
      if (digest !== undefined && !DIGEST.test(digest))
        throw new Refusal(`${shown}: "${reference}" has a malformed digest.`);
      if (digest === undefined && tag === undefined)
        throw new Refusal(`${shown}: "${reference}" has no tag; name one.`);
      return { reference, start, name, tag, digest };
    });
  return { path: shown, text, images };
}

function inYaml(text) {
  // Also as an item of a list, and quoted. A comment is none.
  return [...text.matchAll(/^(?<before>[ \t]*(?:- )?["']?image["']?:[ \t]+["']?)(?<reference>[^\s"'#&*]+)/gm)].map(
    placeOf,
  );
}

function inDockerfile(text) {
  const from = [
    ...text.matchAll(/^(?<before>FROM[ \t]+(?:--\S+[ \t]+)*)(?<reference>\S+)(?:[ \t]+AS[ \t]+(?<stage>\S+))?/gim),
  ];
  const stages = new Set(['scratch', ...from.map(({ groups }) => groups.stage)]);
  const others = [
    ...text.matchAll(/^(?<before>COPY[ \t]+(?:--\S+[ \t]+)*?--from=)(?<reference>\S+)/gim),
    // The program that reads the file is an image too.
    ...text.matchAll(/^(?<before>#[ \t]*syntax[ \t]*=[ \t]*)(?<reference>\S+)/gim),
  ];
  return [...from, ...others]
    .map(placeOf)
    .filter(({ reference }) => !stages.has(reference) && !/^\d+$/.test(reference));
}

function placeOf({ index, groups: { before, reference } }) {
  return { reference, start: index + before.length };
}

function check(files) {
  const open = files.flatMap(({ path, images }) =>
    images.filter(({ digest }) => digest === undefined).map(({ reference }) => `${path}: ${reference}`),
  );
  for (const line of open) console.error(`not pinned: ${line}`);
  return open.length > 0 ? 1 : 0;
}

/** The digest of each image, by `name:tag`. @throws Refusal that names every image without one. */
async function lookUp(images) {
  const digests = new Map();
  const problems = [];
  for (const image of images) {
    const answer = await inspect(image);
    if (answer.digest === undefined) problems.push(`${image}: ${answer.problem}`);
    else digests.set(image, answer.digest);
  }
  if (problems.length === 0) return digests;
  throw new Refusal(
    [
      ...problems,
      'Nothing was changed. Replace placeholders by your own images first, or name only the files to pin.',
    ].join('\n'),
  );
}

async function inspect(image) {
  const { code, stdout, stderr } = await outputOf([
    'docker',
    'buildx',
    'imagetools',
    'inspect',
    '--format',
    '{{json .Manifest}}',
    image,
  ]);
  if (code !== 0) return { problem: stderr.trim().split('\n', 1)[0] || `docker ended with ${code}` };
  try {
    const { digest } = JSON.parse(stdout);
    if (typeof digest === 'string' && DIGEST.test(digest)) return { digest };
  } catch {
    // Not JSON.
  }
  return { problem: 'docker printed no sha256 digest.' };
}

function outputOf([command, ...args]) {
  return new Promise((done) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT_MS, killSignal: 'SIGKILL' });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
    child.once('error', (error) => done({ code: 1, stdout, stderr: `${command} cannot be started (${error.code}).` }));
    child.once('close', (code, signal) => done({ code: code ?? signal, stdout, stderr }));
  });
}

function pinned({ text, images }, digests) {
  let after = text;
  for (const { reference, start, name, tag } of [...images].sort((one, other) => other.start - one.start)) {
    const digest = digests.get(`${name}:${tag}`);
    if (digest !== undefined)
      after = `${after.slice(0, start)}${name}:${tag}@${digest}${after.slice(start + reference.length)}`;
  }
  return after;
}

/** Writes every new text beside its file before the first file is replaced. */
async function replaceAll(files) {
  try {
    for (const { path, after } of files) await writeFile(`${path}.pinned`, after);
    for (const { path } of files) await rename(`${path}.pinned`, path);
  } catch (error) {
    await Promise.all(files.map(({ path }) => rm(`${path}.pinned`, { force: true })));
    throw new Refusal(`The files cannot be written (${error.code}).`);
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof Refusal) && error.code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION') throw error;
  console.error(error.message);
  process.exitCode = 1;
}
