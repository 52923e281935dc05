/** The exit codes of `tidemark`. Scripts depend on them: more may come, none changes. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  refused: 3,
  unreachable: 4,
  interrupted: 130,
  pipeClosed: 141,
  terminated: 143,
} as const;

/** What each means, for the help and the documentation. */
export const exitCodeMeanings: readonly [number, string][] = [
  [exitCodes.done, 'It is done; of an operation that was waited for: it has succeeded.'],
  [
    exitCodes.failed,
    'The operation that was waited for has failed or was cancelled, or the command itself failed.',
  ],
  [
    exitCodes.usage,
    'The command, an option or a setting is not allowed, or none says where the API is or holds a token.',
  ],
  [exitCodes.refused, 'The API refused the request (a status from 400 to 499).'],
  [
    exitCodes.unreachable,
    'The API could not be reached, or could not answer (a status from 500). Asking again later can help.',
  ],
  [exitCodes.interrupted, 'Ctrl-C. An operation that was ordered goes on.'],
  [exitCodes.pipeClosed, 'Whoever read the output went away before its end, as `head` does.'],
  [exitCodes.terminated, 'SIGTERM, otherwise as Ctrl-C.'],
];
