// Merges a pair with openapi-fetch and the types of schema.d.ts, and prints the batch.
//
// node merge.js BASE_URL KEY ORPHAN SURVIVOR

import createClient from 'openapi-fetch'

import type { components, paths } from './schema.js'

declare const process: { argv: string[] }

const [baseUrl, key, orphan, survivor] = process.argv.slice(2)
const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${key}` } })
const pair: components['schemas']['MergeUpdate'] = {
  identifier_to_merge: { external_id: orphan },
  identifier_to_keep: { external_id: survivor },
}
const { data, error } = await client.POST('/users/merge', {
  params: { header: { Prefer: 'wait=20' } },
  body: { merge_updates: [pair] },
})
if (data === undefined) {
  throw new Error(error.message)
}
const { data: batch } = await client.GET('/merge/batches/{batch_id}', {
  params: { path: { batch_id: data.batch_id } },
})
console.log(JSON.stringify(batch))
