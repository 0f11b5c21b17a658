import { z } from 'zod';
import type { Env } from 'temporal-http-tasks/internal/config/env';
import { SettingsError } from 'temporal-http-tasks/internal/config/env';
import type { ServiceSettings } from 'temporal-http-tasks/internal/config/service-settings';
import { readSenderSettings } from 'temporal-http-tasks/internal/config/settings';
import {
  parseNotingNumbers,
  parseWithExactNumbers,
  withNumberTexts,
  WRITE_AS_TEXT,
} from 'temporal-http-tasks/internal/http/exact-json';
import { boundaryIn, readMultipart } from 'temporal-http-tasks/internal/http/write-body';
import { SECRET_HEADER } from 'temporal-http-tasks/internal/http/redact';
import type { SchemaNode } from '@temporal-http-tasks/console/internal/reference/schema-node';
import { credentialsOf, takesBody } from 'temporal-http-tasks/internal/tasks/define';
import type { FieldPlace, HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { ownEntry } from 'temporal-http-tasks/internal/tasks/parse-input';
import type { ServiceDefinition } from 'temporal-http-tasks/internal/tasks/service';
import { repeatedKeyAt } from 'temporal-http-tasks/internal/tasks/json-keys';
import { JSON_BODY } from 'temporal-http-tasks/internal/tasks/wire';
import type { FormFieldWriting } from 'temporal-http-tasks/internal/tasks/wire';
import { Refusal } from '../program/errors';
import type { CurlCommand } from './curl-command';
import type { FormPart } from './curl-data';
import { refuseCurl } from './curl-data';
import type { MatchingTask } from './matching-task';
import { SchemaView } from './matching-task';
import { fromForm, fromPath, PairReader, pairsIn, readHeader, readSegment, writtenField } from './written-values';
import type { Decode, RawPair, WrittenField } from './written-values';

/** A call of a task, as a cURL command described it. */
export interface PreparedCall {
  task: HttpTask;
  input: unknown;
  /** What the command has and the input does not, by name only. */
  leftOut: readonly string[];
  /** What else differs from the command, in sentences without an end. */
  notes: readonly string[];
}

/**
 * Returns the call of a task that a cURL command makes. Its credentials are left out, since the settings have them.
 *
 * @throws Refusal when its body is not the task's.
 */
export function taskCall({ task, segments }: MatchingTask, command: CurlCommand, env: Env): PreparedCall {
  const reader = new TaskReader(task, command);
  const fields = new Map<string, unknown>([
    ...reader.path(segments),
    ...reader.query(),
    ...reader.headers(),
    ...reader.cookies(),
    ...reader.body(),
  ]);
  // Made at the end, because `__proto__` is a field like any other here, which the task's schema refuses.
  const given = Object.fromEntries([...fields, ...Object.entries(slotField(task, segments, env))]);
  const { value: input, refused } = withNumberTexts(task.input, given);
  if (refused !== undefined) throw new Refusal('Task.InvalidInput', `--curl: ${refused} ${WRITE_AS_TEXT}.`, refused);
  return { task, input, leftOut: reader.leftOut, notes: reader.notes() };
}

/** Headers that the sender writes anyway. */
const OF_EVERY_REQUEST: ReadonlySet<string> = new Set([
  'accept',
  'content-type',
  'user-agent',
  'content-length',
  'host',
  'accept-encoding',
]);

/** Reads the parts of a command as fields of a task's input. */
class TaskReader {
  readonly leftOut: string[] = [];
  readonly #task: HttpTask;
  readonly #command: CurlCommand;
  readonly #view: SchemaView;
  readonly #fields: readonly (WrittenField & { place: FieldPlace })[];
  readonly #credentials: ReadonlySet<string>;
  readonly #withoutField: string[] = [];

  constructor(task: HttpTask, command: CurlCommand) {
    this.#task = task;
    this.#command = command;
    this.#view = new SchemaView(z.toJSONSchema(task.input, { io: 'input', unrepresentable: 'any' }) as SchemaNode);
    const usual: FieldPlace = takesBody(task.method) ? 'body' : 'query';
    this.#fields = this.#view.names().map((field) => {
      const place = ownEntry(task.places, field) ?? usual;
      return { ...writtenField(this.#view, field, place === 'body' ? task.bodyForm?.fields : task.writing), place };
    });
    this.#credentials = new Set(credentialsOf(task).flatMap(({ name, bodyName = name }) => [name, bodyName]));
  }

  path(segments: ReadonlyMap<string, string>): Map<string, unknown> {
    const read = new Map<string, unknown>();
    for (const [name, raw] of segments) {
      if (this.#credentials.has(name)) continue;
      const field =
        this.#at('path').find((one) => one.name === name) ?? writtenField(this.#view, name, this.#task.writing);
      read.set(field.field, readSegment(this.#view, field, raw));
    }
    return read;
  }

  query(): Map<string, unknown> {
    return new PairReader(this.#view, this.#at('query'), fromForm).read(
      this.#withoutKeys(pairsIn(this.#command.query), fromForm),
    );
  }

  headers(): Map<string, unknown> {
    const lines = new Map<string, string[]>();
    for (const [name, value] of this.#command.headers) lines.set(name, [...(lines.get(name) ?? []), value]);
    const read = new Map<string, unknown>();
    for (const [name, values] of lines) {
      const field = this.#at('header').find((one) => one.name.toLowerCase() === name);
      if (field && !this.#credentials.has(name)) read.set(field.field, readHeader(this.#view, field, values));
      else if (!OF_EVERY_REQUEST.has(name)) this.#leaveOut(name, this.#task.service.headers?.[name] === undefined);
    }
    return read;
  }

  cookies(): Map<string, unknown> {
    const fields = this.#at('cookie');
    const pairs = this.#withoutKeys(
      this.#command.cookies.flatMap((pair) => pairsIn(pair)),
      fromPath,
    );
    const isKnown = ([name]: RawPair): boolean =>
      fields.some(
        (one) =>
          one.name === fromPath(name) ||
          (one.writing.style !== undefined && this.#view.property(one.node, fromPath(name)) !== undefined),
      );
    const known = pairs.filter(isKnown);
    if (known.length < pairs.length) this.#leaveOut('cookie', false);
    return new PairReader(this.#view, fields, fromPath).read(known);
  }

  body(): Iterable<[name: string, value: unknown]> {
    const { body, form, removed } = this.#command;
    const { as } = this.#task.bodyForm ?? JSON_BODY;
    const contentType = this.#command.headers.find(([name]) => name === 'content-type')?.[1];
    if ((body !== undefined || form) && (removed.has('content-type') || contentType === '') && as !== 'none') {
      refuseCurl(`removes the header content-type, but ${this.#task.name} sends one with its body`);
    }
    if (form)
      return as === 'multipart'
        ? this.#parts(form)
        : refuseCurl(`has parts of a form (-F), which ${this.#task.name} does not take`);
    if (body === undefined) return [];
    const [whole] = Object.entries(this.#task.places).find(([, place]) => place === 'wholeBody') ?? [];
    switch (as) {
      case 'form':
        return this.#inWhole(whole, this.#form(utf8(body), whole));
      case 'text':
      case 'bytes':
        return whole === undefined ? [] : [[whole, as === 'text' ? utf8(body) : body.toString('base64')]];
      case 'multipart': {
        const boundary = contentType === undefined ? undefined : boundaryIn(contentType);
        const parts = boundary === undefined ? undefined : readMultipart(body, boundary);
        return parts
          ? this.#parts(parts)
          : refuseCurl(`has a body (-d), and ${this.#task.name} takes parts of a form (-F)`);
      }
      case 'none':
        return body.length === 0 ? [] : refuseCurl(`has a body, and ${this.#task.name} sends none`);
      case 'json':
        return this.#json(whole, exactBody(utf8(body)));
    }
  }

  /** What of the command is not sent, besides credentials. */
  notes(): string[] {
    return this.#withoutField.length === 0
      ? []
      : [`not sent, since ${this.#task.name} has no such field: ${this.#withoutField.join(', ')}`];
  }

  #at(place: FieldPlace): WrittenField[] {
    return this.#fields.filter((one) => one.place === place);
  }

  #leaveOut(name: string, isMissed: boolean): void {
    if (!this.leftOut.includes(name)) this.leftOut.push(name);
    if (isMissed && !this.#credentials.has(name) && !SECRET_HEADER.test(name)) this.#withoutField.push(name);
  }

  #withoutKeys(pairs: readonly RawPair[], decode: Decode): RawPair[] {
    return pairs.filter(([name]) => {
      const isKey = this.#credentials.has(decode(name));
      if (isKey) this.#leaveOut(decode(name), false);
      return !isKey;
    });
  }

  #form(body: string, whole: string | undefined): Map<string, unknown> {
    const pairs = this.#withoutKeys(pairsIn(body), fromForm);
    return new PairReader(this.#view, this.#formFields(whole), fromForm).read(pairs);
  }

  /** The fields of a form: those of the input, or of the one field that is the whole body. */
  #formFields(whole: string | undefined): WrittenField[] {
    if (whole === undefined) return this.#at('body');
    const node = this.#view.field(whole);
    return this.#view.names(node).map((field) => ({
      ...writtenField(this.#view, field, this.#task.bodyForm?.fields),
      node: this.#view.property(node, field) ?? {},
    }));
  }

  #inWhole(whole: string | undefined, fields: Map<string, unknown>): Iterable<[string, unknown]> {
    return whole === undefined ? fields : [[whole, Object.fromEntries(fields)]];
  }

  #json(whole: string | undefined, value: unknown): [name: string, value: unknown][] {
    if (whole !== undefined) return [[whole, value]];
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      refuseCurl(`has a body that is not a JSON object, which ${this.#task.name} requires`);
    return Object.entries(value).filter(([name]) => {
      if (this.#credentials.has(name)) this.#leaveOut(name, false);
      return !this.#credentials.has(name);
    });
  }

  #parts(form: readonly FormPart[]): Iterable<[string, unknown]> {
    const [whole] = Object.entries(this.#task.places).find(([, place]) => place === 'wholeBody') ?? [];
    const fields = this.#formFields(whole);
    const byName = new Map<string, FormPart[]>();
    for (const part of form) {
      if (this.#credentials.has(part.name)) this.#leaveOut(part.name, false);
      else byName.set(part.name, [...(byName.get(part.name) ?? []), part]);
    }
    const read = [...byName].map(([name, parts]): [string, unknown] => [
      name,
      this.#part(
        fields.find((one) => one.name === name),
        parts,
      ),
    ]);
    return this.#inWhole(whole, new Map(read));
  }

  #part(field: WrittenField | undefined, parts: readonly FormPart[]): unknown {
    const node = field?.node ?? {};
    const writing: FormFieldWriting = field?.writing ?? {};
    const items = this.#view.items(node);
    const [first] = parts;
    if (writing.file) {
      const files = parts.map(({ value, filename, type }) => ({
        base64: value.toString('base64'),
        ...(filename !== undefined && { filename }),
        ...(type !== undefined && { contentType: type }),
      }));
      return items && !(files.length === 1 && this.#view.isObject(node))
        ? files
        : files.length === 1
          ? files[0]
          : files;
    }
    const texts = parts.map(({ value }) => utf8(value));
    const isJson = writing.contentType !== undefined || /^application\/([\w.+-]+\+)?json\b/i.test(first?.type ?? '');
    if (texts.length === 1 && isJson && !this.#view.isScalar(node)) return exactBody(texts[0] ?? '');
    if (items) return texts.map((text) => this.#view.scalar(items, text));
    return texts.length === 1 ? this.#view.scalar(node, texts[0] ?? '') : texts;
  }
}

/** Which of several keys the command has in its path, by the name that the settings give it. */
function slotField(task: HttpTask, segments: ReadonlyMap<string, string>, env: Env): Record<string, string> {
  const rule = credentialsOf(task).find(({ slotField }) => slotField !== undefined);
  const raw = rule && segments.get(rule.name);
  const key = raw === undefined ? undefined : fromPath(raw);
  const settings = serviceSettings(task.service, env);
  if (rule?.slotField === undefined || key === undefined || !settings) return {};
  // A snippet names the key of each slot: BATCH_API_KEYS_IOS.
  const variable = (name: string): string => `${rule.setting}_${name.replaceAll('-', '_').toUpperCase()}`;
  const isKeyOf = (name: string): boolean =>
    [`$${variable(name)}`, `\${${variable(name)}}`].includes(key) ||
    settings.credentialsFor(name, [rule]).some(({ value }) => value === key);
  const slot = settings.keySlots.find(isKeyOf);
  return slot === undefined ? {} : { [rule.slotField]: slot };
}

/** Without keys there are no key names either; missing keys are reported when the call is prepared. */
function serviceSettings(service: ServiceDefinition, env: Env): ServiceSettings | undefined {
  try {
    return readSenderSettings(env, [service]).services.get(service.name);
  } catch (error) {
    if (error instanceof SettingsError) return undefined;
    throw error;
  }
}

/** @throws Refusal when the body of a command is not JSON, or has a number that would be rounded. */
export function parseJsonBody(body: string): unknown {
  try {
    const text = body.replace(/^\ufeff/, '');
    const { value, inexact } = parseNotingNumbers(text);
    if (repeatedKeyAt(text) !== undefined) refuseCurl('has a body with a key twice in one object');
    if (inexact)
      throw new Refusal('Task.InvalidInput', `--curl: ${inexact.path || 'the body'} ${WRITE_AS_TEXT}.`, inexact.path);
    return value;
  } catch (error) {
    if (error instanceof Refusal) throw error;
    return refuseCurl('has a body that is not JSON');
  }
}

/** With the digits of every number. */
function exactBody(body: string): unknown {
  try {
    const text = body.replace(/^\ufeff/, '');
    const value = parseWithExactNumbers(text);
    if (repeatedKeyAt(text) !== undefined) refuseCurl('has a body with a key twice in one object');
    return value;
  } catch (error) {
    if (error instanceof Refusal) throw error;
    return refuseCurl('has a body that is not JSON');
  }
}

/** @throws Refusal for bytes that are not text. */
export function utf8(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refuseCurl('has bytes that are not UTF-8 text where the call takes text');
  }
}
