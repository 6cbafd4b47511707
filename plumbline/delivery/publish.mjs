// Publishes the files of stacks with the library that the CDK's own command lines publish with.
//
//   node publish.mjs MANIFEST…
//
// Of each asset manifest it publishes what is no template: CloudFormation gets templates from the pipeline. A file that is
// there already is not published again.
import assets from "@aws-cdk/cdk-assets-lib";

const listener = { onPublishEvent: (_type, event) => console.log(`${event.percentComplete}% ${event.message}`) };

for (const path of process.argv.slice(2)) {
  const manifest = assets.AssetManifest.fromFile(path);
  const wanted = manifest.entries.filter(
    (entry) => entry.type !== "file" || !String(entry.genericSource.path ?? "").endsWith(".template.json"),
  );
  if (wanted.length === 0) continue;
  const patterns = wanted.map((entry) => assets.DestinationPattern.parse(entry.id.toString()));
  const publishing = new assets.AssetPublishing(manifest.select(patterns), {
    aws: new assets.DefaultAwsClient(),
    progressListener: listener,
    throwOnError: false,
  });
  await publishing.publish();
  for (const failure of publishing.failures) console.error(`${failure.asset}: ${failure.error?.message ?? failure.error}`);
  if (publishing.hasFailures) process.exit(1);
}
