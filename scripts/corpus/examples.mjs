// Compares, for one document, what its tasks take with what a validator of JSON Schema takes: the document's own examples.
// Prints {checked, invalid, unchecked, additional, refused: [{operation, place, reason}]}.
import { createRequire } from 'node:module';
import { Document } from './document.mjs';
import { Schemas } from './schemas.mjs';

const require = createRequire(import.meta.url);
const { readOpenApiDocument, tasksFromOpenApi } = require('@temporal-http-tasks/openapi');
const { parseInput } = require('temporal-http-tasks/internal/tasks/parse-input');

const UNKNOWN_FIELD = 'unknown field';

const [path] = process.argv.slice(2);
const document = new Document(path);
const schemas = new Schemas(document);
const { tasks } = tasksFromOpenApi(await readOpenApiDocument(path), { service: 'corpus' });
const byRoute = new Map();
for (const task of tasks) {
  const key = `${task.method} ${task.path}`;
  byRoute.set(key, [...(byRoute.get(key) ?? []), task]);
}
const result = { checked: 0, invalid: 0, unchecked: 0, additional: 0, refused: [] };

for (const operation of document.operations()) {
  const found = byRoute.get(`${operation.method.toUpperCase()} ${operation.path.split('#')[0]}`) ?? [];
  const task =
    found.length === 1 ? found[0] : found.find(({ operation: name }) => name === operation.node?.value?.operationId);
  if (!task) continue;
  for (const { place, schema, value, inputOf, isOfParameter } of [
    ...bodyExamples(operation, task),
    ...parameterExamples(operation, task),
  ]) {
    compare(task, place, schema, value, inputOf(value), isOfParameter);
  }
}
process.stdout.write(JSON.stringify(result));

function compare(task, place, schema, value, input, isOfParameter) {
  let isValid;
  try {
    isValid = schemas.validator(schema)(value);
  } catch {
    result.unchecked += 1;
    return;
  }
  if (!isValid) {
    result.invalid += 1;
    return;
  }
  result.checked += 1;
  const problems = problemsOf(task, input, isOfParameter);
  const wrong = problems.filter(({ field, message }) => message !== UNKNOWN_FIELD || isKnown(schema, field, task));
  if (wrong.length > 0)
    result.refused.push({
      operation: task.operation,
      place,
      reason: wrong
        .map(({ field, message }) => `${field}: ${message}`)
        .slice(0, 4)
        .join('; '),
    });
  else if (problems.length > 0) result.additional += 1;
}

/** Problems of what the example gives; what it leaves out elsewhere in the input is no concern of it. */
function problemsOf(task, input, isOfParameter) {
  try {
    parseInput('it', task.input, input);
    return [];
  } catch (error) {
    if (!Array.isArray(error.problems)) throw error;
    return error.problems.filter(({ field }) => {
      const [first] = field.split('.');
      const elsewhere = task.places[first];
      if (Object.hasOwn(input, first)) return true;
      return !isOfParameter && (elsewhere === undefined || elsewhere === 'body' || elsewhere === 'wholeBody');
    });
  }
}

function isKnown(schema, field, task) {
  const keys = field.split('.');
  return schemas.knows(schema, task.places[keys[0]] === 'wholeBody' ? keys.slice(1) : keys);
}

function* bodyExamples({ node }, task) {
  const body = document.at(node, 'requestBody');
  const isJson = task.bodyForm === undefined || task.bodyForm.as === 'json';
  const wanted = task.bodyForm?.contentType ?? 'application/json';
  for (const [type, media] of document.entries(document.at(body, 'content'))) {
    if (!isJson || type.split(';')[0].trim().toLowerCase() !== wanted) continue;
    const content = document.target(media);
    const schema = content?.value?.schema === undefined ? undefined : { url: content.url, value: content.value.schema };
    if (!schema) continue;
    const whole = Object.entries(task.places).find(([, place]) => place === 'wholeBody')?.[0];
    const keys = (task.credentials ?? task.service.credentials).map(({ name }) => bare(name));
    const inputOf = (value) => {
      const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
      // A field of the body that is one of the keys is put in when the call is sent; one with a parameter's name is none of the body's.
      const isGiven = (name) =>
        !keys.some((key) => key.endsWith(bare(name))) &&
        (whole !== undefined || (task.places[name] ?? 'body') === 'body');
      const given = isObject ? Object.fromEntries(Object.entries(value).filter(([name]) => isGiven(name))) : value;
      return whole === undefined ? given : { [whole]: given };
    };
    for (const { place, value } of examplesOf(content, schema))
      yield { place: `body, ${place}`, schema, value, inputOf };
  }
}

function* parameterExamples({ node, pathItems }, task) {
  const listed = [...pathItems, node].flatMap((owner) =>
    document.entries(document.at(owner, 'parameters')).map(([, entry]) => document.target(entry)),
  );
  for (const parameter of listed) {
    const { name, in: where, schema } = parameter?.value ?? {};
    const field = [name, `${name}In${String(where).charAt(0).toUpperCase()}${String(where).slice(1)}`].find(
      (one) => task.places[one] === where,
    );
    if (field === undefined || schema === undefined) continue;
    const node = { url: parameter.url, value: schema };
    for (const { place, value } of examplesOf(parameter, node))
      yield {
        place: `${where} ${name}, ${place}`,
        schema: node,
        value,
        inputOf: (one) => ({ [field]: one }),
        isOfParameter: true,
      };
  }
}

function bare(name) {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

function* examplesOf(owner, schema) {
  if ('example' in owner.value)
    yield { place: 'example', value: document.at(owner, 'example')?.value ?? owner.value.example };
  for (const [name, entry] of document.entries(document.at(owner, 'examples'))) {
    const value = document.target(entry)?.value?.value;
    if (value !== undefined) yield { place: `examples ${name}`, value };
  }
  const target = document.target(schema)?.value;
  if (typeof target !== 'object' || target === null) return;
  if ('example' in target) yield { place: 'schema example', value: target.example };
  if (Array.isArray(target.examples))
    for (const [place, value] of target.examples.entries()) yield { place: `schema example ${place}`, value };
}
