//! Compiles the .proto files with protox, so that no protoc is needed.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = protox::compile(["agent.proto", "staff.proto", "machines.proto"], ["."])?;
    tonic_prost_build::configure().compile_fds(files)?;
    println!("cargo:rerun-if-changed=agent.proto");
    println!("cargo:rerun-if-changed=staff.proto");
    println!("cargo:rerun-if-changed=machines.proto");
    Ok(())
}
