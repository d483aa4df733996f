//! The published residual block around the layer.

use super::config::NAME;
use super::layer::SpaceTime;
use crate::error::MixerError;
use crate::lti::SisoKernel;
use crate::mixer::expect_width;
use burn::tensor::Tensor;
use burn::tensor::activation::gelu;
use resolvent_kernels::long_conv::{LongConvInput, Method, long_conv};

impl SpaceTime {
    /// z + y + W drop(gelu(y)) + w with z the input behind the fixed filters, y = f * z + s z:
    /// [batch, length, channel] to the same.
    ///
    /// `drop` is applied to [batch length, channel] where the published code has its dropout; the
    /// identity makes this the layer's own output plus z.
    ///
    /// # Errors
    /// Another width.
    pub fn block(
        &self,
        input: Tensor<3>,
        drop: &mut dyn FnMut(Tensor<2>) -> Tensor<2>,
    ) -> Result<Tensor<3>, MixerError> {
        let [batch, len, channels] = input.dims();
        expect_width(NAME, channels, self.config().hidden_size)?;
        if input.dims().contains(&0) {
            return Ok(input);
        }
        let z = self.preprocess(input, None)?;
        let conv = LongConvInput {
            kernel: self.kernel.kernel(len)?,
            x: z.clone(),
            reverse: None,
            skip: Some(self.skip.val()),
            initial: None,
            seq_idx: None,
        };
        let y = long_conv(conv, Method::Auto)?;
        let y = y.reshape([batch * len, channels]);
        let mixed = self.mlp.forward(drop(gelu(y.clone()))) + y;
        Ok(mixed.reshape([batch, len, channels]) + z)
    }
}
