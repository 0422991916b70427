// Calls the public client braze-api: each input line is a call, each output line is its result.
//
// node drive.mjs BASE_URL KEY

import { createInterface } from 'node:readline'

import { Braze } from 'braze-api'

const [baseUrl, key] = process.argv.slice(2)
const client = new Braze(baseUrl, key)

for await (const line of createInterface({ input: process.stdin })) {
  const { call, body } = JSON.parse(line)
  const [object, method] = call.split('.').reduce(([, value], name) => [value, value[name]], [null, client])
  let result
  try {
    result = { answer: await method.call(object, body) }
  } catch (error) {
    result = { error: { status: error.status ?? null, message: error.message } }
  }
  process.stdout.write(`${JSON.stringify(result)}\n`)
}
