import { DefaultFailureConverter } from '@temporalio/common';
import type { ProtoFailure } from '@temporalio/common';

/** A text that is contained in exactly those workflow bundles that have this converter. */
export const FAILURE_CONVERTER_MARK = 'temporal-http-tasks: failures with encoded messages and stack traces';

/**
 * Puts messages and stack traces of failures into a payload, which a codec can encrypt. Every failure converter of
 * Temporal can read them, whatever its settings.
 */
class EncodingFailureConverter extends DefaultFailureConverter {
  readonly mark = FAILURE_CONVERTER_MARK;

  constructor() {
    super({ encodeCommonAttributes: true });
  }

  override errorToFailureInner(...given: Parameters<DefaultFailureConverter['errorToFailureInner']>): ProtoFailure {
    // Copied because the SDK encodes the failure object in place. A failure from elsewhere is kept in its error, so it
    // would be encoded twice when the error is thrown again.
    return { ...super.errorToFailureInner(...given) };
  }
}

/** The export name that the SDK requires, in a worker and in a workflow bundle. */
export const failureConverter = new EncodingFailureConverter();
