/**
 * May this user use this place? One answer for every caller: the session at each frame, a token that is renewed, a command that explains.
 */
import type { Variables } from '../broker/template.ts'
import { permits, type Who } from './permit.ts'
import type { Place, Route } from './route.ts'

export type Verb = 'send' | 'subscribe'

/** The route whose `permit` says no; undefined = it is permitted. Routes that own some of what the place means have their say too. */
export function forbiddenBy(who: Who, place: Place, verb: Verb): Route | undefined {
  const { route } = place
  if (!isPermitted(route, who, verb, place.variables)) return route
  return place.owners.find((owner) => {
    // A wildcard reaches many of the owner's places: only who may use them all may use it.
    const variables = place.traits.wildcard ? undefined : owner.adapter.variables(place.target)
    return !isPermitted(owner, who, verb, variables)
  })
}

function isPermitted({ policy, adapter }: Route, who: Who, verb: Verb, variables: Variables | undefined): boolean {
  return permits(policy.permit[verb], who, variables, adapter.special)
}
