import { randomBytes } from 'node:crypto';
import { ownEntry } from '../tasks/own-entry';
import { InvalidInputError } from '../tasks/parse-input';
import type { BodyForm, FormFieldWriting } from '../tasks/wire';
import { jsonText } from './exact-json';
import { hasParts, writePairs, textOf } from './write-value';

/** A serialized body with its `content-type`. */
export interface WrittenBody {
  body: string | Buffer;
  contentType: string;
}

/** A file in an input. Temporal payloads are JSON, so its bytes are base64. */
interface FileInput {
  base64: string;
  filename?: string;
  contentType?: string;
}

type Fields = Readonly<Record<string, unknown>>;

/** Serializes a body: `value` is the whole body, or the fields of a form. */
export function writeBody(task: string, form: BodyForm, value: unknown): WrittenBody | undefined {
  switch (form.as) {
    case 'none':
      return undefined;
    case 'json':
      return { body: jsonText(value), contentType: form.contentType ?? 'application/json' };
    case 'text':
      return { body: textOf(value), contentType: form.contentType ?? 'text/plain;charset=UTF-8' };
    case 'bytes':
      return {
        body: Buffer.from(textOf(value), 'base64'),
        contentType: form.contentType ?? 'application/octet-stream',
      };
    case 'form':
      return {
        body: formPairs(task, form, value as Fields).join('&'),
        contentType: form.contentType ?? 'application/x-www-form-urlencoded',
      };
    case 'multipart':
      return multipart(task, form, value as Fields);
  }
}

function formPairs(task: string, { fields = {} }: BodyForm, values: Fields): string[] {
  return present(values).flatMap(([field, value]) =>
    writePairs({ task, field }, field, value, ownEntry(fields, field)),
  );
}

function multipart(task: string, { fields = {} }: BodyForm, values: Fields): WrittenBody {
  const boundary = `----http-tasks-${randomBytes(18).toString('hex')}`;
  const chunks: Buffer[] = [];
  for (const [name, value] of present(values)) {
    const writing = ownEntry(fields, name) ?? {};
    // A list repeats its part, unless the document declares it as JSON; then it is one part.
    const asOne = !Array.isArray(value) || (writing.contentType !== undefined && !writing.file);
    for (const entry of asOne ? [value] : (value as unknown[])) {
      if (isFile(entry, writing)) refuseLineBreak(task, name, entry);
      chunks.push(part(boundary, name, entry, writing));
    }
  }
  chunks.push(Buffer.from(`--${boundary}--\r\n`));
  return { body: Buffer.concat(chunks), contentType: `multipart/form-data; boundary=${boundary}` };
}

/** A line break would start another header of the part. The task's schema may not check for it. */
function refuseLineBreak(task: string, field: string, { contentType = '' }: FileInput): void {
  if (/[\r\n]/.test(contentType))
    throw new InvalidInputError(task, [{ field: `${field}.contentType`, message: 'must not contain line breaks' }]);
}

function part(boundary: string, name: string, value: unknown, writing: FormFieldWriting): Buffer {
  const { filename, contentType, bytes } = isFile(value, writing) ? filePart(value, writing) : textPart(value, writing);
  const head = [
    `--${boundary}`,
    `content-disposition: form-data; name="${quoted(name)}"${filename === undefined ? '' : `; filename="${quoted(filename)}"`}`,
    ...(contentType === undefined ? [] : [`content-type: ${contentType}`]),
  ];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), bytes, Buffer.from('\r\n')]);
}

/**
 * Whether a value of a field that takes files is a file. Such a field may take strings as well, for example the URL of
 * a file.
 */
function isFile(value: unknown, writing: FormFieldWriting): value is FileInput {
  return (
    writing.file === true &&
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<FileInput>).base64 === 'string'
  );
}

function filePart({ base64, filename, contentType }: FileInput, writing: FormFieldWriting) {
  return {
    // Servers recognize a file by its file name.
    filename: filename ?? 'file',
    contentType: contentType ?? writing.contentType ?? 'application/octet-stream',
    bytes: Buffer.from(base64, 'base64'),
  };
}

function textPart(value: unknown, writing: FormFieldWriting) {
  const isJson = hasParts(value);
  return {
    filename: undefined,
    contentType: writing.contentType ?? (isJson ? 'application/json' : undefined),
    bytes: Buffer.from(textOf(value)),
  };
}

/** Escapes a name as HTML forms do, so that a quote or line break in it does not end the header. */
function quoted(text: string): string {
  return text.replace(/"/g, '%22').replace(/\r/g, '%0D').replace(/\n/g, '%0A');
}

function present(values: Fields): [string, unknown][] {
  return Object.entries(values).filter(([, value]) => value !== undefined && value !== null);
}
