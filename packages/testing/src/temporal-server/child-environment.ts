/**
 * Environment variables that a program needs to run, to find its folders and to reach the network. Nothing else is
 * passed on, because a shell's environment contains its user's keys.
 */
const ALLOWED: ReadonlySet<string> = new Set([
  ...[
    'PATH',
    'HOME',
    'USER',
    'LOGNAME',
    'SHELL',
    'LANG',
    'LANGUAGE',
    'TZ',
    'TMPDIR',
    'TMP',
    'TEMP',
    'LD_LIBRARY_PATH',
    'DYLD_LIBRARY_PATH',
  ],
  ...[
    'XDG_CACHE_HOME',
    'XDG_CONFIG_HOME',
    'XDG_DATA_HOME',
    'XDG_RUNTIME_DIR',
    'SSL_CERT_FILE',
    'SSL_CERT_DIR',
    'NODE_EXTRA_CA_CERTS',
    'REQUESTS_CA_BUNDLE',
  ],
  ...[
    'SYSTEMROOT',
    'SYSTEMDRIVE',
    'WINDIR',
    'COMSPEC',
    'PATHEXT',
    'USERPROFILE',
    'APPDATA',
    'LOCALAPPDATA',
    'PROGRAMFILES',
    'PROGRAMDATA',
  ],
]);
/** Sources of packages and downloads. Passwords for a proxy or a package index are meant for these programs. */
const FOR_DOWNLOADS: ReadonlySet<string> = new Set([
  ...[
    'HTTP_PROXY',
    'HTTPS_PROXY',
    'ALL_PROXY',
    'NO_PROXY',
    'PIP_INDEX_URL',
    'PIP_EXTRA_INDEX_URL',
    'PIP_CONFIG_FILE',
    'PIP_CERT',
    'PIP_TRUSTED_HOST',
  ],
  ...['PIP_FIND_LINKS', 'PIP_NO_INDEX', 'PIP_CACHE_DIR', 'PIP_PROXY', 'PIP_BREAK_SYSTEM_PACKAGES'],
]);

/** Returns the part of an environment that a child process gets; with `downloads`, including the download settings. */
export function childEnvironment(
  env: NodeJS.ProcessEnv,
  { downloads = false }: { downloads?: boolean } = {},
): NodeJS.ProcessEnv {
  const isAllowed = (name: string): boolean =>
    ALLOWED.has(name) || /^LC_[A-Z]+$/.test(name) || (downloads && FOR_DOWNLOADS.has(name));
  return Object.fromEntries(Object.entries(env).filter(([name]) => isAllowed(name.toUpperCase())));
}
