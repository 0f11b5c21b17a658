/** Settings as text by name, shaped like `process.env`. An empty text counts as not set. */
export type Env = Readonly<Record<string, string | undefined>>;

/** The value of a setting that is no secret, without white space around it; undefined when not set. */
export function readText(env: Env, setting: string): string | undefined {
  const text = env[setting]?.trim();
  return text === '' ? undefined : text;
}

/** A comma list: entries without white space around them, empty ones left out. */
export function readList(env: Env, setting: string): string[] {
  return (readText(env, setting) ?? '')
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}
