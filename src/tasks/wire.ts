/** The styles in which OpenAPI writes a value into a path, query, header, cookie or form. */
export type WritingStyle = 'simple' | 'label' | 'matrix' | 'form' | 'spaceDelimited' | 'pipeDelimited' | 'deepObject';

/** The style of one value, if it is not the default. */
export interface ValueWriting {
  /** As in RFC 6570 and OpenAPI; without it a list repeats its name and an object is written as JSON. */
  style?: WritingStyle;
  /** Each entry of a list and each property of an object is written separately. @default true for `form`, else false */
  explode?: boolean;
  /** The value is written as JSON, a text in quotes: for a parameter that the document describes by `content`. */
  json?: boolean;
  /** Characters with a meaning in URLs and escapes such as `%20` stay as they are, except what would end the value. */
  allowReserved?: boolean;
}

/** The style of a field in path, query, header or cookie. */
export interface FieldWriting extends ValueWriting {
  /** The parameter's own name, if the input names it differently. */
  name?: string;
}

/** The style of a field of a form. */
export interface FormFieldWriting extends ValueWriting {
  /** A file is `{base64, filename?, contentType?}` in the input and bytes on the wire. */
  file?: boolean;
  /** The type of this part of a multipart body, for example `image/png`. */
  contentType?: string;
}

/**
 * The form of a body. `bytes` is base64 in the input, because a Temporal payload is JSON; `none` sends no body, even
 * with a method that usually has one.
 */
export interface BodyForm {
  as: 'json' | 'form' | 'multipart' | 'text' | 'bytes' | 'none';
  /** The content type, if it is not the default of this form: `application/merge-patch+json`. */
  contentType?: string;
  /** Fields of a form that are not written in the default style. */
  fields?: Readonly<Record<string, FormFieldWriting>>;
}

/**
 * The form of a successful response. `base64` keeps bytes that are not text, for example a PDF. `any` is for undescribed
 * responses: JSON if it is JSON, else text, and null without a body.
 */
export interface AnswerForm {
  as: 'json' | 'text' | 'base64' | 'any';
  /** Sent as `accept`. */
  accept: string;
}

/** The default {@link AnswerForm}. */
export const JSON_ANSWER: AnswerForm = Object.freeze({ as: 'json', accept: 'application/json' });

/** The default {@link BodyForm}. */
export const JSON_BODY: BodyForm = Object.freeze({ as: 'json' });
