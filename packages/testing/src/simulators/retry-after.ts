import type { RetryAfterForm } from './control-api';

const TEN_THOUSAND_YEARS_IN_SECONDS = 315_576_000_000;

/** Returns the header value for a form, or undefined if no header is sent. */
export function retryAfterValue(form: RetryAfterForm): string | undefined {
  switch (form.form) {
    case 'seconds':
      return String(form.seconds);
    case 'httpDate':
      return new Date(Date.now() + form.seconds * 1000).toUTCString();
    case 'pastDate':
      return new Date(Date.now() - 3_600_000).toUTCString();
    case 'absurd':
      return String(TEN_THOUSAND_YEARS_IN_SECONDS);
    case 'malformed':
      return 'in a little while';
    case 'absent':
      return undefined;
    case 'raw':
      return form.value;
  }
}
