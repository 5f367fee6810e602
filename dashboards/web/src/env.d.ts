declare module "virtual:world" {
  const world: { width: number; height: number; paths: [code: string, outline: string][] };
  export default world;
}
