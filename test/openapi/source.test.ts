import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInThisContext } from 'node:vm';
import fc from 'fast-check';
import ts from 'typescript';
import { z } from 'zod';
import { openDocument } from '../../src/openapi/document/document';
import { readApi } from '../../src/openapi/read-api';
import { sourceFiles } from '../../src/openapi/source/task-source';
import type { SourceFile } from '../../src/openapi/source/task-source';
import { tasksFromOpenApi } from '../../src/openapi/tasks-from-openapi';
import type { HttpTask } from '../../src/tasks/define';
import * as workflowEntry from '../../src/tasks/define';
import { defineService } from '../../src/tasks/service';
import { documentWith, jsonBody, operation, plaidDocument } from './documents';
import { inputsOf } from './examples';

const ROOT = join(__dirname, '..', '..');
const fixture = (name: string): string => readFileSync(join(__dirname, 'fixtures', name), 'utf8');

function filesOf(document: unknown): SourceFile[] {
  return sourceFiles(readApi(openDocument(document)));
}

/** Runs generated files without a compiler's checks and answers the tasks that they export. */
function tasksIn(files: readonly SourceFile[]): HttpTask[] {
  const modules: Record<string, object> = { 'temporal-http-tasks/workflow': { ...workflowEntry, defineService }, zod: { z } };
  for (const { name, text } of files) {
    const { outputText } = ts.transpileModule(text, { compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2023 } });
    const exported = {};
    const run = runInThisContext(`(require, exports) => {${outputText}\n}`) as (require: (id: string) => unknown, exports: object) => void;
    run((id) => modules[id], exported);
    modules[`./${name.replace(/\.ts$/, '')}`] = exported;
  }
  return files.filter(({ shared }) => !shared).map(({ name, exports }) => (modules[`./${name.replace(/\.ts$/, '')}`] as Record<string, HttpTask>)[exports]!);
}

const parsed = new Map<string, ts.SourceFile | undefined>();

/** Every program reads the types of the whole package; they are parsed once. */
function hostFor(options: ts.CompilerOptions): ts.CompilerHost {
  const host = ts.createCompilerHost(options);
  return {
    ...host,
    getSourceFile: (path, target) => {
      if (!path.startsWith(ROOT)) return host.getSourceFile(path, target);
      if (!parsed.has(path)) parsed.set(path, host.getSourceFile(path, target));
      return parsed.get(path);
    },
  };
}

/** What the compiler says about generated files in a strict project that uses the package. */
function complaintsAbout(files: readonly SourceFile[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'http-tasks-generated-'));
  try {
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    for (const { name, text } of files) writeFileSync(join(folder, name), text);
    const options: ts.CompilerOptions = {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.Node16,
      moduleResolution: ts.ModuleResolutionKind.Node16,
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      noUnusedLocals: true,
      noUnusedParameters: true,
      declaration: true,
      skipLibCheck: true,
      types: [],
      paths: { 'temporal-http-tasks/workflow': [join(ROOT, 'src', 'workflow.ts')] },
      rootDir: '/',
      outDir: join(folder, 'out'),
    };
    const names = files.map(({ name }) => join(folder, name));
    const program = ts.createProgram(names, options, hostFor(options));
    const diagnostics = names.flatMap((name) => {
      const file = program.getSourceFile(name);
      return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file), ...program.getDeclarationDiagnostics(file)];
    });
    return diagnostics.map(({ file, messageText }) => `${file?.fileName.split('/').pop()}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** All of a task that JSON can show. */
function shown(task: HttpTask): unknown {
  const { input, output, ...data } = task;
  const schema = (one: z.ZodType, io: 'input' | 'output') => inOneForm(z.toJSONSchema(one, { io, unrepresentable: 'any' }));
  return JSON.parse(JSON.stringify({ ...data, input: schema(input, 'input'), output: schema(output, 'output') })) as unknown;
}

/** Without the names of shared parts, which a lazy schema and a constant are numbered by differently. */
function inOneForm(schema: unknown): unknown {
  return JSON.parse(JSON.stringify(schema).replace(/__schema\d+/g, '__schema'));
}

const SAME = ['plaid-excerpt.yml', 'shop.yml'] as const;

describe.each(SAME)('The code that is generated for %s', (name) => {
  const files = filesOf(fixture(name));

  it('makes the tasks that are made without it', () => {
    const { tasks } = tasksFromOpenApi(fixture(name));
    const generated = tasksIn(files);
    expect(generated.map((task) => task.name)).toEqual(tasks.map((task) => task.name));
    for (const [place, task] of tasks.entries()) expect(shown(generated[place]!)).toEqual(shown(task));
  });

  it('takes and refuses what they do', () => {
    const { tasks } = tasksFromOpenApi(fixture(name));
    const generated = tasksIn(files);
    for (const [place, task] of tasks.entries()) {
      fc.assert(fc.property(inputsOf(task), (input) => generated[place]!.input.safeParse(input).success), { numRuns: 30 });
      fc.assert(fc.property(fc.object({ maxDepth: 2 }), (input) => generated[place]!.input.safeParse(input).success === task.input.safeParse(input).success), { numRuns: 30 });
    }
  });

  it('compiles in a strict project, also where declarations are written', () => {
    expect(complaintsAbout(files)).toEqual([]);
  }, 120_000);

  it('is formatted, and no line but a text is longer than it needs to be', () => {
    for (const { text } of files) {
      expect(text).toMatch(/[^\n]\n$/);
      for (const line of text.split('\n')) {
        expect(line).not.toMatch(/[ \t]$/);
        if (!/['`/]/.test(line)) expect(line.length).toBeLessThanOrEqual(120);
      }
    }
  });
});

it('the compiler notices generated code that is wrong', () => {
  const [service, first] = filesOf(fixture('plaid-excerpt.yml'));
  expect(complaintsAbout([service!, { ...first!, text: first!.text.replace("method: 'POST'", "method: 'SEND'") }])).not.toEqual([]);
}, 120_000);

it('says in the code what is left to decide', () => {
  const { text } = filesOf(fixture('plaid-excerpt.yml')).find(({ name }) => name === 'user-items-remove.ts')!;
  expect(text).toContain('// To decide, since the document does not say it:\n// - effect: irreversible');
});

describe('Text of a document', () => {
  const evil = "*/ export {}; process.exit(1); /* `${process.exit(2)}` ' \" \\ \u2028 \r\n // </script>";

  it('ends no comment and no string, wherever it comes from', () => {
    const schema = { type: 'object', description: evil, required: [evil], properties: { [evil]: { type: 'string', enum: [evil, 'b'], description: evil }, x: { type: 'string', pattern: "^[/'\"`]\n?$" } } };
    const paths = { '/a': { post: operation({ operationId: evil, summary: evil, description: evil, tags: [evil], requestBody: jsonBody(schema) }) } };
    const document = { ...documentWith(paths), info: { title: `Shop ${evil}`, version: evil } };
    const [task] = tasksIn(filesOf(document));
    const [made] = tasksFromOpenApi(document).tasks;
    expect(shown(task!)).toEqual(shown(made!));
    expect(task!.input.safeParse({ [evil]: evil, x: "'" }).success).toBe(true);
    expect(complaintsAbout(filesOf(document))).toEqual([]);
  }, 120_000);

  it('makes names that stay in their folder and in their file', () => {
    const ids = ['../../../etc/passwd', '..', '/root', 'a\u0000b', 'CON', 'default', 'shopService', 'z', 'defineHttpTask', 'x'.repeat(500)];
    const paths = Object.fromEntries(ids.map((operationId, place) => [`/p${place}`, { post: operation({ operationId, requestBody: jsonBody({ $ref: '#/components/schemas/z' }) }) }]));
    const files = filesOf(documentWith(paths, { components: { schemas: { z: { type: 'object', properties: { z: { $ref: '#/components/schemas/z' } } } } } }));
    expect(files).toHaveLength(ids.length + 1);
    expect(new Set(files.map(({ name }) => name.toLowerCase())).size).toBe(files.length);
    for (const { name } of files) expect(name).toMatch(/^[a-z0-9-]{1,150}\.ts$/);
    expect(tasksIn(files)).toHaveLength(ids.length);
    expect(complaintsAbout(files)).toEqual([]);
  }, 120_000);
});

const whole = plaidDocument();

if (whole === undefined) {
  it("goes without Plaid's whole document, which is not at ../shared/openapi; its traps are in the excerpt", () => {
    process.stderr.write("Plaid's whole document is not at ../shared/openapi: code was generated for the excerpt only.\n");
    expect(fixture('plaid-excerpt.yml')).toContain('operationId: userItemsRemove');
  });
} else {
  it("the code that is generated for Plaid's whole document makes the same 329 tasks, and compiles", () => {
    const files = filesOf(whole);
    const { tasks } = tasksFromOpenApi(whole);
    const generated = tasksIn(files);
    expect(generated).toHaveLength(329);
    for (const [place, task] of tasks.entries()) expect(shown(generated[place]!)).toEqual(shown(task));
    expect(complaintsAbout(files)).toEqual([]);
  }, 300_000);
}
