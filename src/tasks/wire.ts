/** The ways in which OpenAPI writes a value into a path, query, header, cookie or form. */
export type WritingStyle = 'simple' | 'label' | 'matrix' | 'form' | 'spaceDelimited' | 'pipeDelimited' | 'deepObject';

/** How one value is written, where that differs from the usual way. */
export interface ValueWriting {
  /** As in RFC 6570 and OpenAPI; without it a list repeats its name and an object is written as JSON. */
  style?: WritingStyle;
  /** Each entry of a list and each property of an object stands for itself. @default true for `form`, else false */
  explode?: boolean;
  /** The value is written as JSON, a text in quotes: a parameter that the document describes by `content`. */
  json?: boolean;
  /** Characters that have a meaning in URLs stay as they are, except those that would end the value. */
  allowReserved?: boolean;
}

/** How a field that goes into path, query, header or cookie is written. */
export interface FieldWriting extends ValueWriting {
  /** The parameter's own name, when the input calls it differently. */
  name?: string;
}

/** How a field of a form is written. */
export interface FormFieldWriting extends ValueWriting {
  /** A file is `{base64, filename?, contentType?}` in the input and bytes on the wire. */
  file?: boolean;
  /** The type of this part of a multipart body, for example `image/png`. */
  contentType?: string;
}

/**
 * What a body is made of. `bytes` is base64 in the input, because a Temporal payload is JSON; `none` sends no body
 * even with a method that usually has one.
 */
export interface BodyForm {
  as: 'json' | 'form' | 'multipart' | 'text' | 'bytes' | 'none';
  /** When it is not the usual type of this form: `application/merge-patch+json`. */
  contentType?: string;
  /** Fields of a form that are not written in the usual way. */
  fields?: Readonly<Record<string, FormFieldWriting>>;
}

/**
 * What a good response is made of. `base64` keeps bytes that are not text, for example a PDF. `any` is for undescribed responses:
 * JSON where it is JSON, else text, and null where there is no body.
 */
export interface AnswerForm {
  as: 'json' | 'text' | 'base64' | 'any';
  /** Sent as `accept`. */
  accept: string;
}

/** What a task without an {@link AnswerForm} of its own expects. */
export const JSON_ANSWER: AnswerForm = Object.freeze({ as: 'json', accept: 'application/json' });

/** What the body of a task without a {@link BodyForm} of its own is made of. */
export const JSON_BODY: BodyForm = Object.freeze({ as: 'json' });
