import type { ServiceDefinition } from 'temporal-http-tasks/internal/tasks/service';
import { camelCase, freeName, kebabCase, pascalCase } from '../operation/names';
import type { TaskPlan } from '../operation/task-plan';
import type { ReadApi } from '../read-api';
import { withoutInvisible } from '../schema/invisible';
import { idsIn } from '../schema/read-schema';
import type { Direction, NamedShapes, Shape } from '../schema/shape';
import { called, literal, objectOf, print } from './layout';
import type { Layout } from './layout';
import { ShapeSource, TypeSource } from './shape-source';

/** The named schemas that some shapes lead to, in an order in which code can define them. */
export interface OrderedSchemas {
  /** The definitions that a schema needs come before it, except within a cycle. */
  ids: readonly string[];
  /** Schemas that lead back to themselves. */
  recursive: ReadonlySet<string>;
  /** How often each is named. */
  uses: ReadonlyMap<string, number>;
}

interface Visit {
  id: string;
  inner: string[];
  next: number;
}

/** Finds and orders them: Tarjan's search for circles, with a stack of its own, since documents may lead deep. */
export function orderedSchemas(shapes: readonly Shape[], names: NamedShapes): OrderedSchemas {
  const uses = new Map<string, number>();
  const innerOf = (shape: Shape | undefined): string[] => {
    const ids = shape ? [...idsIn(shape)] : [];
    for (const id of ids) uses.set(id, (uses.get(id) ?? 0) + 1);
    return [...new Set(ids)];
  };
  const ids: string[] = [];
  const recursive = new Set<string>();
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const onStack = new Set<string>();
  const visits: Visit[] = [];
  const enter = (id: string): void => {
    index.set(id, index.size);
    low.set(id, index.size - 1);
    stack.push(id);
    onStack.add(id);
    visits.push({ id, inner: innerOf(names.find(id)), next: 0 });
  };
  const lower = (id: string, to: number | undefined): void => {
    low.set(id, Math.min(low.get(id) ?? 0, to ?? 0));
  };
  const leave = ({ id, inner }: Visit): void => {
    const parent = visits.at(-1);
    if (parent) lower(parent.id, low.get(id));
    if (low.get(id) !== index.get(id)) return;
    const circle = stack.splice(stack.indexOf(id));
    for (const member of circle) onStack.delete(member);
    if (circle.length > 1 || inner.includes(id)) circle.forEach((member) => recursive.add(member));
    ids.push(...circle.reverse());
  };
  for (const start of shapes.flatMap(innerOf)) {
    if (index.has(start)) continue;
    enter(start);
    for (let visit = visits.at(-1); visit; visit = visits.at(-1)) {
      const next = visit.inner[visit.next];
      visit.next += 1;
      if (next === undefined) {
        visits.pop();
        leave(visit);
      } else if (!index.has(next)) enter(next);
      else if (onStack.has(next)) lower(visit.id, index.get(next));
    }
  }
  return { ids, recursive, uses };
}

/** A file of generated code. */
export interface SourceFile {
  /** In the folder that was named; never a path. */
  name: string;
  text: string;
  /** Kept if it is there already: others may have been made for it. */
  shared: boolean;
  /** What the other files import from it. */
  exports: string;
}

/** How the files import each other: `.js` where the project's modules are ES modules. */
export type ImportSuffix = '' | '.js';

const RESERVED = new Set(
  'arguments await break case catch class const continue debugger default delete do else enum eval export extends false finally for function if implements import in instanceof interface let new null package private protected public return static super switch this throw true try typeof undefined var void while with yield'.split(
    ' ',
  ),
);
/** What every task's file uses. */
const IMPORTED = new Set(['z', 'defineHttpTask', 'exactNumber', 'Array', 'Object', 'Set', 'JSON']);
/** Names that mean a device on Windows, or the folder itself when it is imported. */
const SPECIAL_FILES = /^(?:con|prn|aux|nul|com\d|lpt\d|index)$/;
const WIDTH = 110;

/** The code of a document's tasks: a file for each service, and one for each task. */
export function sourceFiles(api: ReadApi, suffix: ImportSuffix = ''): SourceFile[] {
  const taken = new Set<string>();
  const services = api.services.map(({ service, plans }) => ({
    plans,
    service,
    constant: serviceConstant(service),
    file: freeName(`${kebabCase(service.name)}-service`, taken),
  }));
  return [
    ...services.map(({ service, constant, file }) => ({
      name: `${file}.ts`,
      text: serviceText(service, constant),
      shared: true,
      exports: constant,
    })),
    ...services.flatMap(({ plans, constant, file }) =>
      plans.map((plan) => {
        const name = fileName(plan.operation, taken);
        const toDecide = api.report.decide
          .filter(({ operation }) => operation === plan.operation)
          .map(({ what }) => what);
        return {
          name: `${name}.ts`,
          text: new TaskText(api, plan, { constant, from: `./${file}${suffix}` }, toDecide).text(),
          shared: false,
          exports: exportName(plan.operation, constant),
        };
      }),
    ),
  ];
}

/** The name under which a task's file exports it: the operation's, unless that means something else there. */
function exportName(operation: string, serviceName: string): string {
  return RESERVED.has(operation) || IMPORTED.has(operation) || operation === serviceName
    ? `${operation}Task`
    : operation;
}

function fileName(operation: string, taken: Set<string>): string {
  const preferred = kebabCase(operation) || 'task';
  return freeName(taken.has(preferred) || SPECIAL_FILES.test(preferred) ? `${preferred}-task` : preferred, taken);
}

function serviceConstant({ name }: ServiceDefinition): string {
  return `${name}Service`;
}

function serviceText({ name, title, docs, ...rest }: ServiceDefinition, constant: string): string {
  // What version 0.1.0 read is shown where a key is missing, and is not part of a definition that people keep.
  const credentials = rest.credentials.map(({ formerly: _, ...rule }) => rule);
  const parts = Object.entries({ name, title, docs, ...rest, credentials }).filter(
    ([key, value]) => !isEmpty(value) || key === 'environments',
  );
  const definition = called('defineService', objectOf(parts.map(([key, value]) => [key, literal(value)] as const)));
  return [
    "import { defineService } from 'temporal-http-tasks/workflow';\n\n",
    comment([`${title}: where it is, how one signs in, how it words its errors.`]),
    `export const ${constant} = ${print(definition)};\n`,
  ].join('');
}

function isEmpty(value: unknown): boolean {
  return (
    value === '' ||
    value === undefined ||
    (typeof value === 'object' && value !== null && Object.keys(value).length === 0)
  );
}

/** Writes the file of one task. */
class TaskText {
  readonly #api: ReadApi;
  readonly #plan: TaskPlan;
  readonly #service: { constant: string; from: string };
  readonly #toDecide: readonly string[];
  readonly #name: string;
  readonly #taken: Set<string>;

  constructor(api: ReadApi, plan: TaskPlan, service: { constant: string; from: string }, toDecide: readonly string[]) {
    this.#api = api;
    this.#plan = plan;
    this.#service = service;
    this.#toDecide = toDecide;
    this.#name = exportName(plan.operation, service.constant);
    this.#taken = new Set([...RESERVED, ...IMPORTED, service.constant, this.#name]);
  }

  text(): string {
    const { input, output } = this.#plan;
    const inputs = this.#schemas('input', input, this.#api.inputs);
    const outputs = this.#schemas('output', output, this.#api.outputs);
    const definition = called(
      'defineHttpTask',
      objectOf(this.#parts(inputs.source.of(input), outputs.source.of(output))),
    );
    const body = [
      "import { z } from 'zod';\n",
      `import { ${this.#service.constant} } from '${this.#service.from}';\n\n`,
      ...inputs.constants,
      ...outputs.constants,
      ...this.#decisions(),
      comment([sentence(this.#plan.summary), ...(this.#plan.docs === undefined ? [] : [this.#plan.docs])]),
      `export const ${this.#name} = ${print(definition)};\n`,
    ].join('');
    const imported = inputs.source.hasExactNumbers ? 'defineHttpTask, exactNumber' : 'defineHttpTask';
    return `import { ${imported} } from 'temporal-http-tasks/workflow';\n${body}`;
  }

  /** Open decisions are written where they will be edited. */
  #decisions(): string[] {
    if (this.#toDecide.length === 0) return [];
    return [
      '// To decide, since the document does not say it:\n',
      ...this.#toDecide.flatMap((what) => wrapped(`- ${withoutInvisible(what)}`)).map((line) => `// ${line}\n`),
    ];
  }

  #parts(input: Layout, output: Layout): (readonly [string, Layout])[] {
    const {
      operation,
      summary,
      description,
      docs,
      tags,
      method,
      path,
      places,
      writing,
      bodyForm,
      answerForm,
      credentials,
      clientCertificate,
      effect,
      ...decided
    } = this.#plan;
    const { answerMeans, settle, remedy, sensitive, subjectFields, absentCodes, timeouts, maxResponseBytes } = decided;
    const kept = credentials?.map(({ formerly: _, ...rule }) => rule);
    const data = {
      operation,
      summary,
      description,
      docs,
      tags,
      method,
      path,
      places,
      writing,
      bodyForm,
      answerForm,
      credentials: kept,
      clientCertificate,
    };
    const after = {
      effect,
      answerMeans,
      settle,
      remedy,
      sensitive,
      subjectFields,
      absentCodes,
      timeouts,
      maxResponseBytes,
    };
    // No credentials at all is something to say: otherwise the service's go along.
    const written = (values: object) =>
      Object.entries(values).flatMap(([key, value]) =>
        isEmpty(value) && (key !== 'credentials' || value === undefined) ? [] : [[key, literal(value)] as const],
      );
    return [
      ['service', this.#service.constant],
      ...written(data),
      ['input', input],
      ['output', output],
      ...written(after),
    ];
  }

  /** Named schemas that are used more than once, or lead back to themselves, are constants of their own. */
  #schemas(direction: Direction, shape: Shape, names: NamedShapes): { source: ShapeSource; constants: string[] } {
    const ordered = orderedSchemas([shape], names);
    const constants = new Map<string, string>();
    const types = new Map<string, string>();
    for (const id of ordered.ids) {
      if (!ordered.recursive.has(id) && (ordered.uses.get(id) ?? 0) < 2) continue;
      if (ordered.recursive.has(id)) types.set(id, freeName(pascalCase(names.nameOf(id)), this.#taken));
      constants.set(id, freeName(camelCase(names.nameOf(id)) || 'schema', this.#taken));
    }
    const source = new ShapeSource(names, direction, (id) => constants.get(id), ordered.recursive);
    const typeOf = (id: string): string | undefined =>
      types.get(id) ?? (constants.has(id) ? `z.infer<typeof ${constants.get(id)}>` : undefined);
    const typed = new TypeSource(names, direction, typeOf);
    return {
      source,
      constants: [...constants].map(([id, constant]) =>
        constantText(names.find(id) ?? { kind: 'unknown' }, constant, types.get(id), source, typed),
      ),
    };
  }
}

function constantText(
  shape: Shape,
  constant: string,
  type: string | undefined,
  source: ShapeSource,
  typed: TypeSource,
): string {
  if (type === undefined) return `const ${constant} = ${print(source.of(shape))};\n\n`;
  const definition = print(called('z.lazy', ['() => ', source.of(shape)]));
  return `type ${type} = ${print(typed.of(shape))};\n\nconst ${constant}: z.ZodType<${type}, ${type}> = ${definition};\n\n`;
}

function sentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

/** A comment for an export, broken into lines, that no text of the document can end. */
function comment(paragraphs: readonly string[]): string {
  const lines = paragraphs.flatMap((paragraph) => wrapped(withoutInvisible(paragraph).replaceAll('*/', '* /')));
  return lines.length === 1 ? `/** ${lines[0]} */\n` : `/**\n${lines.map((line) => ` * ${line}\n`).join('')} */\n`;
}

function wrapped(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + word.length + 1 <= WIDTH) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}
