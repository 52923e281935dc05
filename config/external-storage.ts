/** What holds for buckets of customers: the api checks an order by it, the control worker and the agent each connection. */
import { endpointList } from './values.ts';

export const externalStorageSettings = {
  external_endpoints: endpointList
    .prefault('')
    .describe(
      "Hosts that customers may name as endpoint_url in the credentials of their own bucket, compared after resolving; empty: none but the cloud's own. Give the api and the control worker the same list, and name only hosts where nothing but object stores answers",
    ),
};
