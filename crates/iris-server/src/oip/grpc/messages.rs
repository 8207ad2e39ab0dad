//! The messages of gRPC. Generated from `api/inference.proto` by `cargo xtask codegen`.

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ServerLiveRequest {
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ServerLiveResponse {
    #[prost(bool, tag="1")]
    pub live: bool,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ServerReadyRequest {
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ServerReadyResponse {
    #[prost(bool, tag="1")]
    pub ready: bool,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ModelReadyRequest {
    #[prost(string, tag="1")]
    pub name: ::prost::alloc::string::String,
    #[prost(string, tag="2")]
    pub version: ::prost::alloc::string::String,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ModelReadyResponse {
    #[prost(bool, tag="1")]
    pub ready: bool,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ServerMetadataRequest {
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ServerMetadataResponse {
    #[prost(string, tag="1")]
    pub name: ::prost::alloc::string::String,
    #[prost(string, tag="2")]
    pub version: ::prost::alloc::string::String,
    #[prost(string, repeated, tag="3")]
    pub extensions: ::prost::alloc::vec::Vec<::prost::alloc::string::String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ModelMetadataRequest {
    #[prost(string, tag="1")]
    pub name: ::prost::alloc::string::String,
    #[prost(string, tag="2")]
    pub version: ::prost::alloc::string::String,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ModelMetadataResponse {
    #[prost(string, tag="1")]
    pub name: ::prost::alloc::string::String,
    #[prost(string, repeated, tag="2")]
    pub versions: ::prost::alloc::vec::Vec<::prost::alloc::string::String>,
    #[prost(string, tag="3")]
    pub platform: ::prost::alloc::string::String,
    #[prost(message, repeated, tag="4")]
    pub inputs: ::prost::alloc::vec::Vec<model_metadata_response::TensorMetadata>,
    #[prost(message, repeated, tag="5")]
    pub outputs: ::prost::alloc::vec::Vec<model_metadata_response::TensorMetadata>,
}
pub mod model_metadata_response {
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct TensorMetadata {
    #[prost(string, tag="1")]
    pub name: ::prost::alloc::string::String,
    #[prost(string, tag="2")]
    pub datatype: ::prost::alloc::string::String,
    #[prost(int64, repeated, tag="3")]
    pub shape: ::prost::alloc::vec::Vec<i64>,
}
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct InferParameter {
    #[prost(oneof="infer_parameter::ParameterChoice", tags="1, 2, 3, 4, 5")]
    pub parameter_choice: ::core::option::Option<infer_parameter::ParameterChoice>,
}
pub mod infer_parameter {
#[derive(Clone, PartialEq, ::prost::Oneof)]
pub enum ParameterChoice {
    #[prost(bool, tag="1")]
    BoolParam(bool),
    #[prost(int64, tag="2")]
    Int64Param(i64),
    #[prost(string, tag="3")]
    StringParam(::prost::alloc::string::String),
    #[prost(double, tag="4")]
    DoubleParam(f64),
    #[prost(uint64, tag="5")]
    Uint64Param(u64),
}
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct InferTensorContents {
    #[prost(bool, repeated, tag="1")]
    pub bool_contents: ::prost::alloc::vec::Vec<bool>,
    #[prost(int32, repeated, tag="2")]
    pub int_contents: ::prost::alloc::vec::Vec<i32>,
    #[prost(int64, repeated, tag="3")]
    pub int64_contents: ::prost::alloc::vec::Vec<i64>,
    #[prost(uint32, repeated, tag="4")]
    pub uint_contents: ::prost::alloc::vec::Vec<u32>,
    #[prost(uint64, repeated, tag="5")]
    pub uint64_contents: ::prost::alloc::vec::Vec<u64>,
    #[prost(float, repeated, tag="6")]
    pub fp32_contents: ::prost::alloc::vec::Vec<f32>,
    #[prost(double, repeated, tag="7")]
    pub fp64_contents: ::prost::alloc::vec::Vec<f64>,
    #[prost(bytes="bytes", repeated, tag="8")]
    pub bytes_contents: ::prost::alloc::vec::Vec<::prost::bytes::Bytes>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ModelInferRequest {
    #[prost(string, tag="1")]
    pub model_name: ::prost::alloc::string::String,
    #[prost(string, tag="2")]
    pub model_version: ::prost::alloc::string::String,
    #[prost(string, tag="3")]
    pub id: ::prost::alloc::string::String,
    #[prost(btree_map="string, message", tag="4")]
    pub parameters: ::prost::alloc::collections::BTreeMap<::prost::alloc::string::String, InferParameter>,
    #[prost(message, repeated, tag="5")]
    pub inputs: ::prost::alloc::vec::Vec<model_infer_request::InferInputTensor>,
    #[prost(message, repeated, tag="6")]
    pub outputs: ::prost::alloc::vec::Vec<model_infer_request::InferRequestedOutputTensor>,
    #[prost(bytes="bytes", repeated, tag="7")]
    pub raw_input_contents: ::prost::alloc::vec::Vec<::prost::bytes::Bytes>,
}
pub mod model_infer_request {
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct InferInputTensor {
    #[prost(string, tag="1")]
    pub name: ::prost::alloc::string::String,
    #[prost(string, tag="2")]
    pub datatype: ::prost::alloc::string::String,
    #[prost(int64, repeated, tag="3")]
    pub shape: ::prost::alloc::vec::Vec<i64>,
    #[prost(btree_map="string, message", tag="4")]
    pub parameters: ::prost::alloc::collections::BTreeMap<::prost::alloc::string::String, super::InferParameter>,
    #[prost(message, optional, tag="5")]
    pub contents: ::core::option::Option<super::InferTensorContents>,
}
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct InferRequestedOutputTensor {
    #[prost(string, tag="1")]
    pub name: ::prost::alloc::string::String,
    #[prost(btree_map="string, message", tag="2")]
    pub parameters: ::prost::alloc::collections::BTreeMap<::prost::alloc::string::String, super::InferParameter>,
}
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ModelInferResponse {
    #[prost(string, tag="1")]
    pub model_name: ::prost::alloc::string::String,
    #[prost(string, tag="2")]
    pub model_version: ::prost::alloc::string::String,
    #[prost(string, tag="3")]
    pub id: ::prost::alloc::string::String,
    #[prost(btree_map="string, message", tag="4")]
    pub parameters: ::prost::alloc::collections::BTreeMap<::prost::alloc::string::String, InferParameter>,
    #[prost(message, repeated, tag="5")]
    pub outputs: ::prost::alloc::vec::Vec<model_infer_response::InferOutputTensor>,
    #[prost(bytes="bytes", repeated, tag="6")]
    pub raw_output_contents: ::prost::alloc::vec::Vec<::prost::bytes::Bytes>,
}
pub mod model_infer_response {
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct InferOutputTensor {
    #[prost(string, tag="1")]
    pub name: ::prost::alloc::string::String,
    #[prost(string, tag="2")]
    pub datatype: ::prost::alloc::string::String,
    #[prost(int64, repeated, tag="3")]
    pub shape: ::prost::alloc::vec::Vec<i64>,
    #[prost(btree_map="string, message", tag="4")]
    pub parameters: ::prost::alloc::collections::BTreeMap<::prost::alloc::string::String, super::InferParameter>,
    #[prost(message, optional, tag="5")]
    pub contents: ::core::option::Option<super::InferTensorContents>,
}
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ModelStreamInferResponse {
    #[prost(string, tag="1")]
    pub error_message: ::prost::alloc::string::String,
    #[prost(message, optional, tag="2")]
    pub infer_response: ::core::option::Option<ModelInferResponse>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ModelConfigRequest {
    #[prost(string, tag="1")]
    pub name: ::prost::alloc::string::String,
    #[prost(string, tag="2")]
    pub version: ::prost::alloc::string::String,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ModelConfigResponse {
    #[prost(message, optional, tag="1")]
    pub config: ::core::option::Option<ModelConfig>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ::prost::Enumeration)]
#[repr(i32)]
pub enum DataType {
    TypeInvalid = 0,
    TypeBool = 1,
    TypeUint8 = 2,
    TypeUint16 = 3,
    TypeUint32 = 4,
    TypeUint64 = 5,
    TypeInt8 = 6,
    TypeInt16 = 7,
    TypeInt32 = 8,
    TypeInt64 = 9,
    TypeFp16 = 10,
    TypeFp32 = 11,
    TypeFp64 = 12,
    TypeString = 13,
    TypeBf16 = 14,
}
impl DataType { pub fn from_str_name(v:&str)->Option<Self>{ match v { "TYPE_INVALID" => Some(Self::TypeInvalid), "TYPE_BOOL" => Some(Self::TypeBool), "TYPE_UINT8" => Some(Self::TypeUint8), "TYPE_UINT16" => Some(Self::TypeUint16), "TYPE_UINT32" => Some(Self::TypeUint32), "TYPE_UINT64" => Some(Self::TypeUint64), "TYPE_INT8" => Some(Self::TypeInt8), "TYPE_INT16" => Some(Self::TypeInt16), "TYPE_INT32" => Some(Self::TypeInt32), "TYPE_INT64" => Some(Self::TypeInt64), "TYPE_FP16" => Some(Self::TypeFp16), "TYPE_FP32" => Some(Self::TypeFp32), "TYPE_FP64" => Some(Self::TypeFp64), "TYPE_STRING" => Some(Self::TypeString), "TYPE_BF16" => Some(Self::TypeBf16),  _ => None } } }

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ModelInput {
    #[prost(string, tag="1")]
    pub name: ::prost::alloc::string::String,
    #[prost(enumeration="DataType", tag="2")]
    pub data_type: i32,
    #[prost(int64, repeated, tag="4")]
    pub dims: ::prost::alloc::vec::Vec<i64>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ModelOutput {
    #[prost(string, tag="1")]
    pub name: ::prost::alloc::string::String,
    #[prost(enumeration="DataType", tag="2")]
    pub data_type: i32,
    #[prost(int64, repeated, tag="3")]
    pub dims: ::prost::alloc::vec::Vec<i64>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ModelConfig {
    #[prost(string, tag="1")]
    pub name: ::prost::alloc::string::String,
    #[prost(string, tag="2")]
    pub platform: ::prost::alloc::string::String,
    #[prost(int32, tag="4")]
    pub max_batch_size: i32,
    #[prost(message, repeated, tag="5")]
    pub input: ::prost::alloc::vec::Vec<ModelInput>,
    #[prost(message, repeated, tag="6")]
    pub output: ::prost::alloc::vec::Vec<ModelOutput>,
    #[prost(string, tag="17")]
    pub backend: ::prost::alloc::string::String,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ModelStatisticsRequest {
    #[prost(string, tag="1")]
    pub name: ::prost::alloc::string::String,
    #[prost(string, tag="2")]
    pub version: ::prost::alloc::string::String,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct StatisticDuration {
    #[prost(uint64, tag="1")]
    pub count: u64,
    #[prost(uint64, tag="2")]
    pub ns: u64,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct InferStatistics {
    #[prost(message, optional, tag="1")]
    pub success: ::core::option::Option<StatisticDuration>,
    #[prost(message, optional, tag="2")]
    pub fail: ::core::option::Option<StatisticDuration>,
    #[prost(message, optional, tag="3")]
    pub queue: ::core::option::Option<StatisticDuration>,
    #[prost(message, optional, tag="5")]
    pub compute_infer: ::core::option::Option<StatisticDuration>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ModelStatistics {
    #[prost(string, tag="1")]
    pub name: ::prost::alloc::string::String,
    #[prost(string, tag="2")]
    pub version: ::prost::alloc::string::String,
    #[prost(uint64, tag="3")]
    pub last_inference: u64,
    #[prost(uint64, tag="4")]
    pub inference_count: u64,
    #[prost(uint64, tag="5")]
    pub execution_count: u64,
    #[prost(message, optional, tag="6")]
    pub inference_stats: ::core::option::Option<InferStatistics>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ModelStatisticsResponse {
    #[prost(message, repeated, tag="1")]
    pub model_stats: ::prost::alloc::vec::Vec<ModelStatistics>,
}
