/** Our search attributes as the SDK wants them. */
import { defineSearchAttributeKey, SearchAttributeType, TypedSearchAttributes } from '@temporalio/common';

const keys = {
  serviceId: defineSearchAttributeKey('ServiceId', SearchAttributeType.KEYWORD),
  operation: defineSearchAttributeKey('Operation', SearchAttributeType.KEYWORD),
  backupType: defineSearchAttributeKey('BackupType', SearchAttributeType.KEYWORD),
};

export function searchAttributes(values: {
  serviceId: string;
  operation: string;
  backupType?: string;
}): TypedSearchAttributes {
  return new TypedSearchAttributes([
    { key: keys.serviceId, value: values.serviceId },
    { key: keys.operation, value: values.operation },
    ...(values.backupType === undefined ? [] : [{ key: keys.backupType, value: values.backupType }]),
  ]);
}
