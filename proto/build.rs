//! Compiles the .proto files with protox, so that no protoc is needed.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    const FILES: [&str; 8] = [
        "agent.proto",
        "staff.proto",
        "work.proto",
        "figures.proto",
        "plans.proto",
        "machines.proto",
        "quarantine.proto",
        "rollouts.proto",
    ];
    tonic_prost_build::configure().compile_fds(protox::compile(FILES, ["."])?)?;
    for file in FILES {
        println!("cargo:rerun-if-changed={file}");
    }
    Ok(())
}
