/** A file of the package, imported `with { type: "file" }`: its path on disk, or inside of a compiled program. */
declare module "swagger-ui-dist/*" {
  const path: string;
  export default path;
}
