// What CloudFormation would do to each resource: pairs of templates come as JSON on standard input, impacts go out.
import { text } from 'node:stream/consumers';
import { fullDiff } from '@aws-cdk/cloudformation-diff';

const pairs = JSON.parse(await text(process.stdin));
const changes = pairs.map(({ before, after }) => {
  const found = [];
  fullDiff(before, after).resources.forEachDifference((logicalId, change) => {
    const properties = Object.entries(change.propertyUpdates)
      .filter(([, update]) => update.isDifferent)
      .map(([name]) => name);
    found.push({ logicalId, type: change.oldResourceType ?? change.newResourceType, impact: change.changeImpact, properties });
  });
  return found;
});
process.stdout.write(JSON.stringify(changes));
