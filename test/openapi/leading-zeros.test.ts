import { openDocument } from '@temporal-http-tasks/openapi/internal/document/document';
import { parseText } from '@temporal-http-tasks/openapi/internal/document/parse-text';
import { tasksFromOpenApi } from '@temporal-http-tasks/openapi/internal/tasks-from-openapi';

/** A document in YAML whose only operation has one parameter with this schema, written as it is. */
const yamlOf = (schema: string): string => `
openapi: 3.0.3
info: {title: Codes, version: 01}
servers: [{url: 'https://codes.example/v1'}]
paths:
  /codes:
    get:
      operationId: find
      parameters:
        - {name: code, in: query, schema: ${schema}}
      responses: {'200': {description: ok}}
`;

/** The report of the import, and which values the parameter takes. */
function imported(schema: string, values: readonly unknown[]): { skipped: readonly unknown[]; taken: unknown[] } {
  const { tasks, report } = tasksFromOpenApi(parseText(yamlOf(schema)), { service: 'codes' });
  const [task] = tasks;
  return {
    skipped: report.skipped,
    taken: task ? values.filter((code) => task.input.safeParse({ code }).success) : [],
  };
}

describe('A number with a leading zero in YAML', () => {
  it.each([
    ['{type: string, enum: [010, 020]}', ['010', '020']],
    ['{type: string, enum: [010, ABC]}', ['010', 'ABC']],
    ['{enum: [007, 7]}', ['007', 7]],
    ['{type: string, nullable: true, enum: [00, null]}', ['00']],
  ])('keeps its digits where a text is wanted: %s', (schema, taken) => {
    expect(imported(schema, ['010', '020', '10', 10, 8, 'ABC', '007', 7, '00', 0])).toEqual({ skipped: [], taken });
  });

  it.each(['{type: integer, enum: [010]}', '{type: number, minimum: 010}', '{type: integer, maximum: -0777}'])(
    'is refused with its place where a number is wanted: %s',
    (schema) => {
      const { skipped } = imported(schema, []);
      expect(skipped).toEqual([
        expect.objectContaining({
          why: expect.stringMatching(
            /#\/paths\/~1codes\/get\/.*has a leading zero.*write the number without it/,
          ) as string,
        }),
      ]);
    },
  );

  it.each([
    ['{type: string, enum: [1.0, 1.10, 2]}', ['1.0', '1.10', '2']],
    ['{type: string, nullable: true, enum: [1e3, 0x10, null]}', ['1e3', '0x10']],
    ['{type: string, enum: [+1, .5, "1.50"]}', ['+1', '.5', '1.50']],
    ['{type: number, enum: [1.0, 1.10]}', [1, 1.1]],
    ['{type: integer, enum: [1]}', [1]],
  ])('with a fraction, an exponent or a sign keeps its digits as a text: %s', (schema, taken) => {
    const values = [
      '1.0',
      '1',
      '1.10',
      '1.1',
      '2',
      1,
      1.1,
      '1e3',
      '1000',
      '0x10',
      '16',
      '+1',
      '.5',
      '0.5',
      '1.50',
      '1.5',
    ];
    expect(imported(schema, values)).toEqual({ skipped: [], taken });
  });

  it('keeps its digits behind an alias and in a merge, and where it is a default', () => {
    const text = `
a: &version {type: string, enum: [1.0], default: 1.0}
b: {<<: *version, description: b}
c: *version
d: {type: [string, 'null'], const: 2.50, example: 2.50}
`;
    const versions = { type: 'string', enum: ['1.0'], default: '1.0' };
    expect(parseText(text)).toEqual({
      a: versions,
      b: { ...versions, description: 'b' },
      c: versions,
      d: { type: ['string', 'null'], const: '2.50', example: 2.5 },
    });
  });

  it('is a number in every other form', () => {
    expect(parseText('[0, -0, 0.5, 00.5, 10, 0x10, 0o10, 1e3, "010"]')).toEqual([
      0,
      -0,
      0.5,
      0.5,
      10,
      16,
      8,
      1_000,
      '010',
    ]);
    expect(parseText('a: 010\nb: +08\nc: !!int 010')).toEqual({ a: '010', b: '+08', c: 10 });
  });

  it('leaves a document readable', () => {
    expect(() => openDocument(parseText(yamlOf('{type: string}')) as object)).not.toThrow();
  });
});
