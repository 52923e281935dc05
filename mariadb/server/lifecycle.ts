/** Starting, stopping and watching over one server. */
export { isServing } from './greeting.ts';
export { isThere, requireGone } from './presence.ts';
export { findServerProcess } from './process.ts';
export { startServer } from './start.ts';
export { stopServer } from './stop.ts';
export { superviseServer } from './supervise.ts';
