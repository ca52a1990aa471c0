// Stands in until the module of this name is written.
export {};
