/**
 * What the programs beside the database see of the agent's environment. The deployment's cloud keys and tokens can be in
 * it, and a database server would show them to whoever may read its process for as long as it runs: only what is named
 * here, or in the settings, is passed on.
 */

const passed = new Set([
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'SHELL',
  'LANG',
  'LANGUAGE',
  'TZ',
  'TZDIR',
  'TMPDIR',
  'TMP',
  'TEMP',
  // The rights that MariaDB gives to its new files.
  'UMASK',
  'UMASK_DIR',
  // For systemctl --user.
  'XDG_RUNTIME_DIR',
  'DBUS_SESSION_BUS_ADDRESS',
  // For programs that print an age identity: a folder, not what lies in it.
  'CREDENTIALS_DIRECTORY',
  'OPENSSL_CONF',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'GLIBC_TUNABLES',
]);

/** Locales, the loader (an allocator is preloaded so), allocators, MariaDB and Kerberos. */
const passedFamilies = /^(LC|LD|MALLOC|MYSQL|MARIADB|KRB5)_/;

/**
 * What scripts/lib/common.sh and the images tell the C library, so that our own processes stay small. A database has
 * many more threads, and other needs.
 */
const ofOurOwn: NodeJS.ProcessEnv = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '1048576' };

let alsoPassed: ReadonlySet<string> = new Set();

/** Names of further variables, from the settings. Once, when the process starts. */
export function passEnvironment(names: readonly string[]): void {
  alsoPassed = new Set(names);
}

/** What of this process's own environment the programs that it starts may see. */
export function passedEnvironment(own: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const shown = Object.entries(own).filter(
    ([name, value]) =>
      alsoPassed.has(name) || ((passed.has(name) || passedFamilies.test(name)) && ofOurOwn[name] !== value),
  );
  return Object.fromEntries(shown);
}
