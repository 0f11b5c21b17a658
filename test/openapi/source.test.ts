import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { openDocument } from '@temporal-http-tasks/openapi/internal/document/document';
import { readApi } from '@temporal-http-tasks/openapi/internal/read-api';
import { sourceFiles } from '@temporal-http-tasks/openapi/internal/source/task-source';
import type { SourceFile } from '@temporal-http-tasks/openapi/internal/source/task-source';
import { tasksFromOpenApi } from '@temporal-http-tasks/openapi/internal/tasks-from-openapi';
import { documentWith, jsonBody, operation, plaidDocument } from './documents';
import { inputsOf } from './examples';
import { complaintsAbout, shown, tasksIn } from './generated-code';

const fixture = (name: string): string => readFileSync(join(__dirname, 'fixtures', name), 'utf8');

function filesOf(document: unknown): SourceFile[] {
  return sourceFiles(readApi(openDocument(document)));
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
      fc.assert(
        fc.property(inputsOf(task), (input) => generated[place]!.input.safeParse(input).success),
        { numRuns: 30 },
      );
      fc.assert(
        fc.property(
          fc.object({ maxDepth: 2 }),
          (input) => generated[place]!.input.safeParse(input).success === task.input.safeParse(input).success,
        ),
        { numRuns: 30 },
      );
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
  expect(
    complaintsAbout([service!, { ...first!, text: first!.text.replace("method: 'POST'", "method: 'SEND'") }]),
  ).not.toEqual([]);
}, 120_000);

it('what the operator decides, and numbers beyond 2^53, compile', () => {
  const node = {
    type: 'object',
    properties: { id: { type: 'integer' }, parent: { $ref: '#/components/schemas/Node' } },
  };
  const limits = 'x: {type: integer, maximum: 9223372036854775807, enum: [1, 9007199254740993]}';
  const text = `# YAML\n${JSON.stringify(
    documentWith(
      {
        '/nodes': {
          post: operation({ operationId: 'open', requestBody: jsonBody({ $ref: '#/components/schemas/Node' }) }),
          put: operation({ operationId: 'named', requestBody: jsonBody({ $ref: '#/components/schemas/Node' }) }),
          patch: operation({ operationId: 'large', requestBody: jsonBody({ type: 'object', properties: 'limits' }) }),
          delete: operation({ operationId: 'signed', security: [{ cert: [] }] }),
        },
      },
      { components: { schemas: { Node: node }, securitySchemes: { cert: { type: 'mutualTLS' } } } },
    ),
  ).replace('"limits"', `{${limits}}`)}`;
  const files = sourceFiles(
    readApi(openDocument(text), {
      service: 'desk',
      signIn: [{ setting: 'DESK_TOKEN', in: 'header', name: 'authorization', scheme: 'bearer' }],
      allowUnknown: ['named:parent.parent.more'],
      decide: { open: { allowUnknown: true } },
    }),
  );
  expect(files).toHaveLength(5);
  expect(complaintsAbout(files)).toEqual([]);
}, 120_000);

it('says in the code what is left to decide', () => {
  const { text } = filesOf(fixture('plaid-excerpt.yml')).find(({ name }) => name === 'user-items-remove.ts')!;
  expect(text).toContain('// To decide, since the document does not say it:\n// - effect: irreversible');
});

describe('Text of a document', () => {
  const evil = '*/ export {}; process.exit(1); /* `${process.exit(2)}` \' " \\ \u2028 \r\n // </script>';

  it('ends no comment and no string, wherever it comes from', () => {
    const schema = {
      type: 'object',
      description: evil,
      required: [evil],
      properties: {
        [evil]: { type: 'string', enum: [evil, 'b'], description: evil },
        x: { type: 'string', pattern: '^[/\'"`]\n?$' },
      },
    };
    const paths = {
      '/a': {
        post: operation({
          operationId: evil,
          summary: evil,
          description: evil,
          tags: [evil],
          requestBody: jsonBody(schema),
        }),
      },
    };
    const document = { ...documentWith(paths), info: { title: `Shop ${evil}`, version: evil } };
    const [task] = tasksIn(filesOf(document));
    const [made] = tasksFromOpenApi(document).tasks;
    expect(shown(task!)).toEqual(shown(made!));
    expect(task!.input.safeParse({ [evil]: evil, x: "'" }).success).toBe(true);
    expect(complaintsAbout(filesOf(document))).toEqual([]);
  }, 120_000);

  /** What an editor or a terminal obeys and a reader does not see. */
  const HIDDEN = [
    '\u001b]0;owned\u0007',
    '\u001b[8m',
    '\u009b8m',
    '\u202e',
    '\u2066',
    '\u200b',
    '\u2060',
    '\u00ad',
    '\ufeff',
    '\u2028',
    '\u2029',
    '\u0085',
    '\u061c',
    '\u3164',
    '\u{e0041}',
    '\ud800',
    '\u0000',
    '\u007f',
    '\r',
    '\t',
  ];

  it('is in the code without a character that a reader does not see, and means the same', () => {
    const hidden = HIDDEN.join('x');
    const trick = `*${'\u202e'}/ export {}; /${'\u2066'}*`;
    const schema = {
      type: 'object',
      description: hidden,
      properties: {
        [hidden]: { type: 'string', enum: [hidden, 'b'], description: trick },
        x: { type: 'string', pattern: '^[\u202ea\u{e0041}]*\\\u200b$', format: hidden },
      },
      additionalProperties: { enum: [trick, 'c'] },
    };
    const paths = {
      '/a\u202e': {
        post: operation({
          operationId: `op${hidden}`,
          summary: hidden,
          description: trick,
          tags: [hidden],
          externalDocs: { url: `https://docs.example/${hidden}` },
          requestBody: jsonBody(schema),
        }),
      },
    };
    const document = {
      ...documentWith(paths, { externalDocs: { url: `javascript:alert(1)//${hidden}` } }),
      info: { title: `Shop ${hidden}${trick}`, version: hidden },
    };
    const files = filesOf(document);
    for (const { name, text } of files) {
      expect(name).toMatch(/^[a-z0-9-]{1,150}\.ts$/);
      expect(text.replaceAll('\n', '')).not.toMatch(/[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u);
      expect(text).not.toContain('javascript:');
    }
    const [made] = tasksFromOpenApi(document).tasks;
    const [task] = tasksIn(files);
    expect(shown(task!)).toEqual(shown(made!));
    for (const value of ['a', '\u202e\u{e0041}a\u200b', 'b'])
      expect(task!.input.safeParse({ body: { x: value } }).success).toBe(
        made!.input.safeParse({ body: { x: value } }).success,
      );
    expect(made!.input.safeParse({ body: { x: '\u202e\u{e0041}a\u200b', [hidden]: hidden } }).success).toBe(true);
    expect(complaintsAbout(files)).toEqual([]);
  }, 120_000);

  it('makes names that stay in their folder and in their file', () => {
    const ids = [
      '../../../etc/passwd',
      '..',
      '/root',
      'a\u0000b',
      'CON',
      'nul',
      'index',
      'default',
      'shopService',
      'z',
      'defineHttpTask',
      'x'.repeat(500),
    ];
    const paths = Object.fromEntries(
      ids.map((operationId, place) => [
        `/p${place}`,
        { post: operation({ operationId, requestBody: jsonBody({ $ref: '#/components/schemas/z' }) }) },
      ]),
    );
    const files = filesOf(
      documentWith(paths, {
        components: { schemas: { z: { type: 'object', properties: { z: { $ref: '#/components/schemas/z' } } } } },
      }),
    );
    expect(files).toHaveLength(ids.length + 1);
    expect(new Set(files.map(({ name }) => name.toLowerCase())).size).toBe(files.length);
    for (const { name } of files) expect(name).toMatch(/^(?!con\.|nul\.|index\.)[a-z0-9-]{1,150}\.ts$/);
    expect(tasksIn(files)).toHaveLength(ids.length);
    expect(complaintsAbout(files)).toEqual([]);
  }, 120_000);
});

const whole = plaidDocument();

if (whole === undefined) {
  it("goes without Plaid's whole document, which is not at ../shared/openapi; its traps are in the excerpt", () => {
    process.stderr.write(
      "Plaid's whole document is not at ../shared/openapi: code was generated for the excerpt only.\n",
    );
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
