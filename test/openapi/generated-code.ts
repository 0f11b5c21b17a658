import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInThisContext } from 'node:vm';
import ts from 'typescript';
import { z } from 'zod';
import type { SourceFile } from '@temporal-http-tasks/openapi/internal/source/task-source';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import * as workflowEntry from 'temporal-http-tasks/internal/tasks/define';
import { exactNumber } from 'temporal-http-tasks/internal/tasks/exact-number';
import { defineService } from 'temporal-http-tasks/internal/tasks/service';

const ROOT = join(__dirname, '..', '..');
/** Runs generated files without a compiler's checks and returns the tasks that they export. */
export function tasksIn(files: readonly SourceFile[]): HttpTask[] {
  const modules: Record<string, object> = {
    'temporal-http-tasks/workflow': { ...workflowEntry, defineService, exactNumber },
    zod: { z },
  };
  for (const { name, text } of files) {
    const { outputText } = ts.transpileModule(text, {
      compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2023 },
    });
    const exported = {};
    const run = runInThisContext(`(require, exports) => {${outputText}\n}`) as (
      require: (id: string) => unknown,
      exports: object,
    ) => void;
    run((id) => modules[id], exported);
    modules[`./${name.replace(/\.ts$/, '')}`] = exported;
  }
  return files
    .filter(({ shared }) => !shared)
    .map(({ name, exports }) => (modules[`./${name.replace(/\.ts$/, '')}`] as Record<string, HttpTask>)[exports]!);
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
export function complaintsAbout(files: readonly SourceFile[]): string[] {
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
      return [
        ...program.getSyntacticDiagnostics(file),
        ...program.getSemanticDiagnostics(file),
        ...program.getDeclarationDiagnostics(file),
      ];
    });
    return diagnostics.map(
      ({ file, messageText }) =>
        `${file?.fileName.split('/').pop()}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** All of a task that JSON can show, without what version 0.1.0 read, which is in no file. */
export function shown(task: HttpTask): unknown {
  const { input, output, ...data } = task;
  const schema = (one: z.ZodType, io: 'input' | 'output') =>
    inOneForm(z.toJSONSchema(one, { io, unrepresentable: 'any' }));
  return JSON.parse(
    JSON.stringify(
      { ...data, input: schema(input, 'input'), output: schema(output, 'output') },
      (key, value: unknown) => (key === 'formerly' ? undefined : value),
    ),
  ) as unknown;
}

/** Without the names of shared parts, which a lazy schema and a constant are numbered by differently. */
function inOneForm(schema: unknown): unknown {
  return JSON.parse(JSON.stringify(schema).replace(/__schema\d+/g, '__schema'));
}
