/** Settings by name, shaped like `process.env`. An empty value counts as not set. */
export type Env = Readonly<Record<string, string | undefined>>;

/** Returns the trimmed value of a setting that is not secret; undefined if not set. */
export function readText(env: Env, setting: string): string | undefined {
  const text = env[setting]?.trim();
  return text === '' ? undefined : text;
}

/** Returns the entries of a comma-separated list, trimmed and without empty ones. */
export function readList(env: Env, setting: string): string[] {
  return (readText(env, setting) ?? '')
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}
