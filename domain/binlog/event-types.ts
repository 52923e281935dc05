/** The types of events, by MariaDB's own names and numbers. */

export const eventTypes = {
  START_EVENT_V3: 1,
  QUERY_EVENT: 2,
  STOP_EVENT: 3,
  ROTATE_EVENT: 4,
  INTVAR_EVENT: 5,
  LOAD_EVENT: 6,
  SLAVE_EVENT: 7,
  CREATE_FILE_EVENT: 8,
  APPEND_BLOCK_EVENT: 9,
  EXEC_LOAD_EVENT: 10,
  DELETE_FILE_EVENT: 11,
  NEW_LOAD_EVENT: 12,
  RAND_EVENT: 13,
  USER_VAR_EVENT: 14,
  FORMAT_DESCRIPTION_EVENT: 15,
  XID_EVENT: 16,
  BEGIN_LOAD_QUERY_EVENT: 17,
  EXECUTE_LOAD_QUERY_EVENT: 18,
  TABLE_MAP_EVENT: 19,
  WRITE_ROWS_EVENT_V1: 23,
  UPDATE_ROWS_EVENT_V1: 24,
  DELETE_ROWS_EVENT_V1: 25,
  INCIDENT_EVENT: 26,
  HEARTBEAT_LOG_EVENT: 27,
  IGNORABLE_LOG_EVENT: 28,
  ROWS_QUERY_LOG_EVENT: 29,
  WRITE_ROWS_EVENT: 30,
  UPDATE_ROWS_EVENT: 31,
  DELETE_ROWS_EVENT: 32,
  XA_PREPARE_LOG_EVENT: 38,
  ANNOTATE_ROWS_EVENT: 160,
  BINLOG_CHECKPOINT_EVENT: 161,
  GTID_EVENT: 162,
  GTID_LIST_EVENT: 163,
  START_ENCRYPTION_EVENT: 164,
  QUERY_COMPRESSED_EVENT: 165,
  WRITE_ROWS_COMPRESSED_EVENT_V1: 166,
  UPDATE_ROWS_COMPRESSED_EVENT_V1: 167,
  DELETE_ROWS_COMPRESSED_EVENT_V1: 168,
  WRITE_ROWS_COMPRESSED_EVENT: 169,
  UPDATE_ROWS_COMPRESSED_EVENT: 170,
  DELETE_ROWS_COMPRESSED_EVENT: 171,
} as const;

const names = new Map<number, string>(Object.entries(eventTypes).map(([name, type]) => [type, name]));

/** @example eventName(16) // 'XID_EVENT'; a type of a later server: 'EVENT_172' */
export function eventName(type: number): string {
  return names.get(type) ?? `EVENT_${type}`;
}

/** Whether the server has compressed what is in the event (`log_bin_compress`). */
export function isCompressed(type: number): boolean {
  return type >= eventTypes.QUERY_COMPRESSED_EVENT && type <= eventTypes.DELETE_ROWS_COMPRESSED_EVENT;
}

/** Events that stand before the statement they belong to, and so never end a group that is one statement. */
export function precedesStatement(type: number): boolean {
  switch (type) {
    case eventTypes.INTVAR_EVENT:
    case eventTypes.RAND_EVENT:
    case eventTypes.USER_VAR_EVENT:
    case eventTypes.BEGIN_LOAD_QUERY_EVENT:
    case eventTypes.APPEND_BLOCK_EVENT:
    case eventTypes.TABLE_MAP_EVENT:
    case eventTypes.ANNOTATE_ROWS_EVENT:
      return true;
    default:
      return false;
  }
}

/** What an event does to rows; undefined for one without any. */
export function rowVerb(type: number): 'INSERT' | 'UPDATE' | 'DELETE' | undefined {
  switch (type) {
    case eventTypes.WRITE_ROWS_EVENT_V1:
    case eventTypes.WRITE_ROWS_EVENT:
    case eventTypes.WRITE_ROWS_COMPRESSED_EVENT_V1:
    case eventTypes.WRITE_ROWS_COMPRESSED_EVENT:
      return 'INSERT';
    case eventTypes.UPDATE_ROWS_EVENT_V1:
    case eventTypes.UPDATE_ROWS_EVENT:
    case eventTypes.UPDATE_ROWS_COMPRESSED_EVENT_V1:
    case eventTypes.UPDATE_ROWS_COMPRESSED_EVENT:
      return 'UPDATE';
    case eventTypes.DELETE_ROWS_EVENT_V1:
    case eventTypes.DELETE_ROWS_EVENT:
    case eventTypes.DELETE_ROWS_COMPRESSED_EVENT_V1:
    case eventTypes.DELETE_ROWS_COMPRESSED_EVENT:
      return 'DELETE';
    default:
      return undefined;
  }
}
